/**
 * A lib that is open over a simulated disk: does acts to it, and reads everything that it holds.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import { Randomness } from "litetapes/Randomness"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import { Disk } from "litetapes/Disk"
import type { SimulatedDisk } from "../../../src/testing/SimulatedDisk.ts"
import type { Random } from "../random.ts"
import { type Act, category, type Part, streams, tagsOf } from "./acts.ts"
import { segmentLoss } from "./harm.ts"
import { type Done, nextAnswer, type TapeModel, type World } from "./world.ts"

export const place = "/lib"

/** Returns whether a folder is one that a writer writes in before it puts files in place: nothing reads it. */
export const isPrivate = (folder: string): boolean => folder.startsWith("litelib.writer-")

const options: Lib.Options = { closeBytes: 700, backlogMax: 1 }

/** Options with which segments of less than 2 KiB are merged: at most 8 KiB after a close, 512 bytes at a clean end. */
export const merging: Lib.Options = { closeBytes: 32 * 1024, backlogMax: 1 }

/** A clock that stands still: a sleep never ends. */
const clock: Clock.Clock = {
  currentTimeMillisUnsafe: () => 1_800_000_000_000,
  currentTimeMillis: Effect.succeed(1_800_000_000_000),
  monotonicTimeNanosUnsafe: () => 0n,
  monotonicTimeNanos: Effect.succeed(0n),
  currentTimeNanosUnsafe: () => 1_800_000_000_000_000_000n,
  currentTimeNanos: Effect.succeed(1_800_000_000_000_000_000n),
  sleep: () => Effect.never
} as Clock.Clock

/**
 * Runs a program so that nothing in it depends on the time or on what ran before, and all randomness comes from `random`.
 */
export const simulate = <A, E>(program: Effect.Effect<A, E>, random: Random): Promise<A> =>
  Effect.runPromise(
    // A module that is loaded in the midst of a program would change the order of its fibres the first time.
    Effect.andThen(Lib.preload, program).pipe(
      Effect.provideService(Clock.Clock, clock),
      Effect.provideService(Randomness, (count) => bytesOf(count, random)),
      quiet
    )
  )

const bytesOf = (count: number, random: Random): Uint8Array => {
  const words = new Uint32Array(Math.ceil(count / 4))
  for (let n = 0; n < words.length; n++) words[n] = random.below(2 ** 32)
  return new Uint8Array(words.buffer, 0, count)
}

const silent: ReadonlySet<Logger.Logger<unknown, unknown>> = new Set()

/** Runs a program without logging the warnings that disk errors cause. */
export const quiet = <A, E>(program: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.provideService(program, Logger.CurrentLoggers, silent)

export interface Session {
  readonly lib: Lib.Lib["Service"]
  readonly store: EventStore.EventStore["Service"]
  readonly close: Effect.Effect<void, Effect.Error<Lib.Lib["Service"]["close"]>>
}

const storageOver = (disk: SimulatedDisk) => Effect.provideService(FolderStorage.make, Disk, disk.disk)

export const open = (disk: SimulatedDisk, by: Lib.Options = options, at = place) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const lib = yield* Lib.open(at, by).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(Storage, yield* storageOver(disk))
    )
    const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
    const close = Effect.ensuring(lib.close, Scope.close(scope, Exit.void))
    return { lib, store, close } satisfies Session
  })

export const recoverLib = (disk: SimulatedDisk) =>
  Effect.gen(function* () {
    return yield* Effect.provideService(Lib.recover(place), Storage, yield* storageOver(disk))
  })

export const restore = (disk: SimulatedDisk, from: string, to: string, by: Lib.RestoreOptions = {}) =>
  Effect.gen(function* () {
    return yield* Effect.provideService(Lib.restore(from, to, by), Storage, yield* storageOver(disk))
  })

const tapeNamed = (session: Session, name: string) => Effect.provideService(Tape.make(name), Lib.Lib, session.lib)

/** Appends records to tapes, as one batch. */
export const commit = ({ lib }: Session, parts: ReadonlyArray<Part>) =>
  lib.commit(parts.map(({ records, tape }) => ({ tape, records: records.map((t) => ({ t })) })))

/** Does an act that can be done in an open session. */
export const doAct = Effect.fnUntraced(function* (session: Session, act: Act, before: World) {
  const { lib, store } = session
  switch (act._tag) {
    case "create":
      return yield* before.has(act.tape) ? Effect.void : lib.createTape(act.tape)
    case "append":
      return yield* commit(session, act.parts)
    case "events": {
      const appends = act.parts.flatMap(({ records }) => records).map((t) => ({ t, stream: streamOf(t) }))
      const there = (before.get(category)?.records ?? []).map(streamOf)
      const wanted = [...new Set(appends.map(({ stream }) => stream))]
      // Of every two such acts, one is a command.
      const by = Number.parseInt(appends[0]!.t, 10) % 2 === 0 ? `command ${appends[0]!.t}` : undefined
      return yield* store.appendAll(
        wanted.map((stream) => ({
          stream,
          events: appends
            .filter((one) => one.stream === stream)
            .map(({ t }) =>
              by === undefined
                ? { type: "Noted", data: { t }, id: t, tags: tagsOf(t) }
                : { type: "Noted", data: { t, by }, tags: tagsOf(t) }
            ),
          expected: there.includes(stream) ? there.filter((one) => one === stream).length - 1 : "no-stream"
        })),
        by === undefined ? {} : { commandId: by }
      )
    }
    case "answer": {
      const position = nextAnswer(before)
      const stream = streamOf(act.record)
      const events = [{ type: "Noted", data: { t: act.record, answers: position }, id: act.record }]
      return yield* noted(before.get(category)?.done?.answers, (reset) =>
        store.append(stream, events, { checkpoint: { consumer: "answers", position, low: position, ...reset } })
      )
    }
    case "count": {
      const { done, records } = before.get(category)!
      return yield* noted(done?.counts, (reset) =>
        store.appendAll([], { checkpoint: { consumer: "counts", low: records.length, ...reset } })
      )
    }
    case "archive":
      return yield* lib.archive(act.tape)
    case "activate":
      return yield* lib.activate(act.tape)
    case "user":
      return yield* Effect.flatMap(tapeNamed(session, act.tape), (tape) => tape.setUserMeta("note", act.value))
    case "flush":
      return yield* Effect.flatMap(tapeNamed(session, act.tape), (tape) => tape.appendSegment)
    case "repack":
      return yield* Effect.flatMap(tapeNamed(session, act.tape), (tape) => tape.repack({ ...act.how, force: true }))
    case "clone":
      return yield* Effect.flatMap(tapeNamed(session, act.tape), (tape) => tape.clone(lib, act.as))
    case "copyLib":
      return yield* lib.copy(act.to, { placement: act.placement })
    case "settle":
      return yield* settle
    default:
      return yield* Effect.die(new Error(`${act._tag} cannot be done in an open session`))
  }
})

/** Appends with a checkpoint. If a recovery has lost the one before, that must be refused, and is then replaced. */
const noted = <A>(
  known: number | "lost" | undefined,
  commitWith: (more: object) => Effect.Effect<A, EventStore.EventAppendError>
): Effect.Effect<A, EventStore.EventAppendError> => {
  const refused = known === "lost" ? Effect.die(new Wrong("a lost checkpoint was not refused")) : undefined
  const first = commitWith({})
  return (refused === undefined ? first : Effect.andThen(first, refused)).pipe(
    Effect.catchTag("CheckpointLost", (error) =>
      typeof known === "number" ? Effect.fail(error) : commitWith({ reset: true })
    )
  )
}

/** Yields to other fibres `count` times. */
export const turns = (count: number): Effect.Effect<void> =>
  Effect.forEach(Array.from({ length: count }), () => Effect.yieldNow, { discard: true })

/** Yields to other fibres until none of them can continue without time passing. */
export const settle: Effect.Effect<void> = turns(60)

/** Returns the stream of a text. */
const streamOf = (text: string): string => streams[Number.parseInt(text, 10) % 2]!

/**
 * Reads everything that the lib holds. A tape among `lost`, which has no meta, is recovered first. With `skipsRefused`
 * a tape that a poisoned writer refuses to load is left out.
 */
export const readWorld = Effect.fnUntraced(function* (
  session: Session,
  lost: ReadonlySet<string>,
  skipsRefused = false
) {
  const { lib, store } = session
  const world = new Map<string, TapeModel>()
  for (const { name, role, state } of yield* lib.tapes) {
    const opened = yield* tapeNamed(session, name).pipe(
      Effect.catch((error) =>
        lost.has(name)
          ? Effect.andThen(lib.recoverTape(name), tapeNamed(session, name))
          : lost.has(segmentLoss(name))
            ? Effect.andThen(salvage(session, name), tapeNamed(session, name))
            : Effect.fail(error)
      ),
      Effect.catchIf(
        (error) => skipsRefused && error._tag === "WriterPoisoned",
        () => Effect.succeed(undefined)
      )
    )
    if (opened === undefined) continue
    if (lost.has(segmentLoss(name))) {
      yield* salvage(session, name)
    }
    const { userMeta } = yield* opened.meta
    const found = yield* Stream.runCollect(opened.records())
    const records =
      role === "events" ? yield* readEvents(store, found.length) : found.map((record) => record["t"] as string)
    const done = role === "events" ? { done: yield* readDone(lib) } : {}
    world.set(name, { records, archived: state === "archived", user: userMeta["note"] as number | undefined, ...done })
  }
  return world as World
})

/** Salvages a tape, unless that is done. Either way its loss must be listed. */
const salvage = Effect.fnUntraced(function* ({ lib }: Session, name: string) {
  yield* Effect.catchTag(lib.salvageTape(name, { acceptLoss: true }), "NotDamaged", () => Effect.void)
  const { lost } = yield* lib.verify({ depth: "files" })
  if (!lost.some(({ tape }) => tape === name)) throw new Wrong(`${name} lost records, and nothing says so`)
})

/** Returns how far the consumers are. */
const readDone = Effect.fnUntraced(function* (lib: Session["lib"]) {
  const done: { answers?: number | "lost"; counts?: number | "lost" } = {}
  for (const { consumer, done: above, isLost, low, version } of yield* lib.checkpoints) {
    if (above.length > 0) throw new Wrong(`consumer ${consumer} has done events above ${low}`)
    if (isLost) done[consumer as keyof Done] = "lost"
    else if (version > 0) done[consumer as keyof Done] = low
  }
  return done satisfies Done
})

/** A read broke a promise. */
export class Wrong extends Error {}

const readEvents = Effect.fnUntraced(function* (store: Session["store"], count: number) {
  const events = yield* Stream.runCollect(store.readAll())
  if (events.length !== count) throw new Wrong(`readAll returned ${events.length} of ${count} events`)
  const revisions = new Map<string, number>()
  let before = -1
  for (const { data, position, revision, stream } of events) {
    if (position <= before) throw new Wrong(`position ${position} comes after ${before}`)
    before = position
    if (revision !== (revisions.get(stream) ?? 0)) throw new Wrong(`${stream} has revision ${revision} out of order`)
    if (streamOf((data as { t: string }).t) !== stream) throw new Wrong(`an event of another stream is in ${stream}`)
    revisions.set(stream, revision + 1)
  }
  for (const [stream, length] of revisions) {
    const read = yield* Stream.runCollect(store.read(stream))
    const same = events.filter((event) => event.stream === stream).every(({ id }, index) => read[index]?.id === id)
    if (read.length !== length || !same) throw new Wrong(`${stream} differs from the same stream in readAll`)
  }
  return events.map(({ data }) => (data as { t: string }).t)
})
