/**
 * A writer is stopped in the middle of an operation, loses its lock meanwhile, and continues: at every call that
 * changes something. Both writers run in this process, so every moment can be reached and reproduced.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import { Disk } from "litetapes/Disk"
import * as fs from "node:fs"
import * as Contested from "../../support/contestedDisk.ts"
import { existingTape, type LibService, openSession, type Session, storeOf, tapeOf } from "../../support/openLib.ts"
import { findings, type Kept, missing, readTapes } from "../../support/receipts.ts"

/** The operation of the first writer that is held up. */
export interface Operation {
  readonly name: string
  readonly options?: Lib.Options
  readonly run: (lib: LibService, keep: Keep) => Effect.Effect<unknown, unknown>
}

type Keep = (lib: LibService, tape: string, text: string, count?: number) => Effect.Effect<void, unknown>

export const settings = { closeBytes: 1024 * 1024, backlogMax: 2 }

const event = { type: "Placed", data: { cents: 100 } }

export const operations: ReadonlyArray<Operation> = [
  { name: "append", run: (lib, keep) => keep(lib, "alpha", "in flight") },
  // The dynamic segment is due, so the next one is created first, with the number that the new writer gives to its own.
  {
    name: "roll",
    options: { closeBytes: 8192 },
    run: (lib, keep) => Effect.andThen(keep(lib, "alpha", "x".repeat(9000)), keep(lib, "alpha", "rolled"))
  },
  {
    name: "append events",
    run: (lib) => Effect.flatMap(storeOf(lib), (store) => store.append("order-1", [event], { expected: 1 }))
  },
  { name: "flush", run: (lib) => Effect.flatMap(existingTape(lib, "alpha"), (tape) => tape.appendSegment) },
  {
    name: "repack",
    run: (lib) =>
      Effect.flatMap(existingTape(lib, "beta"), (tape) => tape.repack({ targetBytes: 300, compression: "zstd" }))
  },
  { name: "create a tape", run: (lib) => lib.createTape("new") },
  {
    name: "clone",
    run: (lib) => Effect.flatMap(existingTape(lib, "beta"), (tape) => tape.clone(lib, "copy"))
  },
  {
    name: "set user metadata",
    run: (lib) => Effect.flatMap(existingTape(lib, "alpha"), (tape) => tape.setUserMeta("unit", "celsius"))
  },
  { name: "archive", run: (lib) => lib.archive("beta") },
  { name: "close", run: (lib) => lib.close }
]

/** The outcome of one stop. */
export interface Outcome {
  /** The call at which it stopped; `undefined` if the operation has fewer calls. */
  readonly at: string | undefined
  /** Broken promises, in words. */
  readonly wrong: ReadonlyArray<string>
}

/** Stops `operation` at its `step`-th call in a new lib at `location`, which is removed afterwards. */
export const stopAndTakeOver = (
  location: string,
  operation: Operation,
  held: Contested.Held,
  step: number,
  closes: boolean
): Promise<Outcome> => inNew(location, scenario(location, operation, held, step, closes))

/** Runs a scenario in a lib that is removed afterwards. */
export const inNew = (location: string, scenario: Effect.Effect<Outcome, unknown>): Promise<Outcome> => {
  const body = scenario.pipe(
    Effect.catchCause((cause) => Effect.succeed<Outcome>({ at: "?", wrong: [`${cause}`] })),
    Effect.ensuring(Effect.sync(() => fs.rmSync(location, { recursive: true, force: true }))),
    // A writer that lost its lock logs that, as it must.
    Effect.provide(Logger.layer([]))
  )
  return Effect.runPromise(body)
}

export const storageOver = (disk: Disk["Service"]) => Effect.provideService(FolderStorage.make, Disk, disk)

/** Returns all acknowledged batches, and what makes an append whose batch is added to them. */
export const keeping = (): { readonly kept: ReadonlyArray<Kept>; readonly keeper: (by: string) => Keep } => {
  const kept: Array<Kept> = []
  const keeper =
    (by: string): Keep =>
    (lib, tape, text, count = 1) =>
      Effect.gen(function* () {
        const records = Array.from({ length: count }, (_, n) => ({ by, n, text }))
        const receipt = yield* (yield* tapeOf(lib, tape)).append(records)
        kept.push({ by, tape, records, firstOrdinal: receipt.firstOrdinal, batch: receipt.batch })
      })
  return { kept, keeper }
}

const scenario = Effect.fnUntraced(function* (
  location: string,
  operation: Operation,
  held: Contested.Held,
  step: number,
  closes: boolean
) {
  const disks = Contested.make()
  const [first, second] = [yield* storageOver(disks.first), yield* storageOver(disks.second)]
  const { keeper, kept } = keeping()
  const wrong: Array<string> = []

  const stopped = yield* openSession(first, location, { ...settings, ...operation.options })
  yield* prepare(stopped.lib, keeper("the first"))

  const taken = yield* Deferred.make<Session, unknown>()
  const takeOver = Effect.gen(function* () {
    const session = yield* openSession(second, location, settings)
    wrong.push(...missing(yield* readTapes(session.lib), kept).map((text) => `directly after the takeover: ${text}`))
    yield* work(session.lib, keeper("the second"))
    if (closes) yield* session.close
    return session
  })
  disks.holdUp(held, step, Effect.asVoid(Deferred.complete(taken, takeOver)))
  yield* Effect.exit(operation.run(stopped.lib, keeper("the first, stopped")))
  const at = disks.letGo()
  if (at === undefined) {
    yield* stopped.close
    return { at, wrong }
  }
  const successor = yield* Deferred.await(taken)

  // Whatever operation was under way, the first writer must notice at the latest at its next write.
  const late = yield* Effect.exit(keeper("the first, late")(stopped.lib, "alpha", "late"))
  if (Exit.isSuccess(late)) wrong.push("the first writer acknowledged a late batch")
  if (!closes) yield* keeper("the second, after the first")(successor.lib, "alpha", "meanwhile")
  yield* stopped.close
  if (!closes) yield* successor.close

  const last = yield* openSession(second, location, settings)
  wrong.push(...missing(yield* readTapes(last.lib), kept), ...(yield* findings(last.lib)))
  yield* keeper("the third")(last.lib, "alpha", "third")
  yield* last.close
  return { at, wrong }
})

/** Makes two tapes, each with a segment and with records in no segment yet, and a stream of events. */
export const prepare = Effect.fnUntraced(function* (lib: LibService, keep: Keep) {
  const store = yield* storeOf(lib)
  for (const name of ["alpha", "beta"]) {
    yield* keep(lib, name, "closed", 3)
    yield* (yield* existingTape(lib, name)).appendSegment
    yield* keep(lib, name, "open", 3)
  }
  yield* store.append("order-1", [event, event], { expected: "no-stream" })
})

/**
 * The work of the new writer before the old one continues: it uses every number and every name that the old one may
 * use.
 */
export const work = Effect.fnUntraced(function* (lib: LibService, keep: Keep) {
  const store = yield* storeOf(lib)
  for (const name of ["alpha", "beta", "new", "copy"]) {
    yield* Effect.ignore(lib.activate(name))
    yield* keep(lib, name, "taken over", 2)
    yield* (yield* existingTape(lib, name)).appendSegment
    yield* keep(lib, name, "taken over, open")
  }
  yield* (yield* existingTape(lib, "alpha")).repack({ targetBytes: 400 })
  yield* keep(lib, "alpha", "after repack")
  yield* store.append("order-1", [event])
})
