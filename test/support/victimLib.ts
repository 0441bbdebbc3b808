/** A lib with content in each kind of file, for tests that attack it, and every operation that a lib has. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import { copyFiles } from "./hostileLib.ts"
import { existingTape, type LibService, openSession, type StorageService, tapeOf, withLib } from "./openLib.ts"

/** The content of a victim: eight records, eight events. */
export interface Contents {
  readonly notes: (from: number, to: number) => ReadonlyArray<unknown>
  readonly events: (from: number, to: number) => ReadonlyArray<EventStore.NewEvent>
}

/** Returns records of `notes`, in order. */
export const notes = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({ $type: "Note", n: from + n, text: `note ${from + n}` }))

const plainNotes = notes
const plainEvents = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({
    type: "OrderPlaced",
    data: { cents: from + n },
    id: `id-${from + n}`
  }))

/**
 * Makes a lib at `at`: `notes` (two segments, one of them in a shard folder), `order` (events), indexes, and, if `kind`
 * is `open`, dynamic segments with batches, as a crash leaves them.
 */
export const makeVictim = (
  storage: StorageService,
  at: string,
  kind: "closed" | "open",
  { notes, events }: Contents = { notes: plainNotes, events: plainEvents }
) =>
  Effect.gen(function* () {
    const made = kind === "closed" ? at : `${at}.made`
    const { lib, close } = yield* openSession(storage, made)
    const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
    const tape = yield* tapeOf(lib, "notes")
    yield* tape.append(notes(0, 4))
    yield* tape.repack({ shardEvery: 100, force: true })
    yield* tape.append(notes(4, 6))
    yield* store.append("order-1", events(0, 6))
    yield* tape.appendSegment
    yield* Effect.flatMap(existingTape(lib, "order"), (order) => order.appendSegment)
    yield* tape.append(notes(6, 8))
    yield* store.append("order-1", events(6, 8))
    if (kind === "open") copyFiles(made, at)
    yield* close
  })

export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** Returns the value or the error of an attempt. Fails the test if it dies. */
export const outcomeOf = <A, E>(
  effect: Effect.Effect<A, E>
): Effect.Effect<{ readonly value: A } | { readonly error: E }> =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return { value: exit.value }
    const failure = Cause.findErrorOption(exit.cause)
    if (failure._tag === "Some" && !Cause.hasDies(exit.cause)) return { error: failure.value }
    throw new Error(`it died: ${Cause.pretty(exit.cause)}`)
  })

const attempts = (lib: LibService): ReadonlyArray<Effect.Effect<unknown, unknown>> => {
  const withTape = <A, E>(
    name: string,
    use: (tape: Effect.Success<ReturnType<typeof existingTape>>) => Effect.Effect<A, E>
  ) => Effect.flatMap(existingTape(lib, name), use)
  const store = Effect.provideService(EventStore.make, Lib.Lib, lib)
  return [
    Effect.flatMap(store, (one) => Stream.runCollect(one.read("order-1"))),
    Effect.flatMap(store, (one) => Stream.runCollect(one.readAll())),
    withTape("notes", (tape) => Stream.runCollect(tape.records())),
    withTape("notes", (tape) => tape.head),
    lib.verify(),
    withTape("notes", (tape) => tape.append([{ more: 1 }])),
    Effect.flatMap(store, (one) => one.append("order-1", [{ type: "More", id: "id-1" }])),
    withTape("notes", (tape) => tape.setUserMeta("key", 1)),
    withTape("notes", (tape) => tape.appendSegment),
    withTape("notes", (tape) => tape.repack({ force: true, shardEvery: 100, compression: "zstd" })),
    withTape("order", (tape) => tape.repack({ force: true })),
    lib.createTape("fresh"),
    withTape("fresh", (tape) => tape.append([{ fresh: 1 }])),
    withTape("notes", (tape) => tape.clone(lib, "copied")),
    lib.recoverTape("notes"),
    lib.archive("notes")
  ]
}

/**
 * Runs every operation of a lib, reads first: as a reader, as its writer, recovering. Returns the tags of the errors on
 * the way, and for `StorageError` its reason.
 */
export const doEverything = (
  storage: StorageService,
  at: string,
  onOutcome: (outcome: Outcome) => void = () => undefined
) =>
  Effect.gen(function* () {
    const met = new Set<string>()
    const note = (outcome: Outcome) => {
      onOutcome(outcome)
      if ("error" in outcome) met.add(wordFor(outcome.error))
    }
    for (const mode of ["read", "write"] as const) {
      const use = (lib: LibService) =>
        Effect.forEach(attempts(lib), (attempt) => Effect.map(outcomeOf(attempt), note), { discard: true })
      note(yield* outcomeOf(withLib<void, unknown>(storage, at, use, { mode })))
    }
    note(yield* outcomeOf(Effect.provideService(Lib.recover(at), Storage, storage)))
    return met
  })

/** Returns the name of an error in tests. */
export const wordFor = (error: unknown): string => {
  const { _tag, reason } = error as { readonly _tag: string; readonly reason?: unknown }
  return _tag === "StorageError" ? `StorageError ${String(reason)}` : _tag
}
