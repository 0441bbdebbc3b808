/** Libs, tapes and events on a storage. No operation fails here, except that a writer stops. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "../../../services/EventStore.ts"
import * as Lib from "../../../services/Lib.ts"
import { Storage } from "../../../services/ports/Storage.ts"
import * as Tape from "../../../services/Tape.ts"
import * as History from "../../History.ts"
import { failing, same } from "./expect.ts"
import { bytes, type Demand, type Ground, open } from "./ground.ts"
import { closingHistory, decisionHistory, eventHistory, movingHistory, sparseHistory } from "./histories.ts"

const history = (
  name: string,
  promise: string,
  operations: ReadonlyArray<History.Operation>,
  options?: Lib.Options
): Demand => ({ name, promise, body: ({ storage, place }) => History.run(storage, place(), operations, options) })

const openStore = ({ storage }: Ground, at: string, options?: Lib.Options) =>
  Effect.provideService(EventStore.open(at, options), Storage, storage)

const openTape = (lib: Lib.Lib["Service"], name: string) => Effect.provideService(Tape.make(name), Lib.Lib, lib)

/** Makes a lib with a tape of three records in a segment, and closes it. */
const filled = (ground: Ground, at: string): Effect.Effect<void, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { lib } = yield* openStore(ground, at)
      yield* lib.createTape("alpha")
      const tape = yield* openTape(lib, "alpha")
      yield* tape.append([{ n: 0 }, { n: 1 }, { n: 2 }])
      yield* tape.appendSegment
    })
  )

const recordsOf = (lib: Lib.Lib["Service"], name: string) =>
  Effect.flatMap(openTape(lib, name), (tape) => Stream.runCollect(tape.records()))

export const libDemands: ReadonlyArray<Demand> = [
  history(
    "records are there in dynamic segments and in segments, after the lib was closed, killed and opened again",
    "what was acknowledged is durable, and moves from dynamic segments into segments as a whole",
    closingHistory
  ),
  history(
    "tapes are repacked, cloned, archived and verified, and keep their records",
    "segments are written whole, read in ranges and removed; meta is changed atomically",
    movingHistory
  ),
  history(
    "events keep their order, revisions and ids after the lib was closed, killed and opened again",
    "what was acknowledged is durable, whole and in order",
    eventHistory
  ),
  history(
    "decisions see every event that matters to them, after the lib was closed, killed and opened again",
    "what was acknowledged is durable, and is visible to reads at once",
    decisionHistory
  ),
  history(
    "single events are found among many others, in dynamic segments and in segments",
    "many small reads in one call, in the order of ranges",
    sparseHistory,
    { closeBytes: 1024 * 1024 }
  ),
  {
    name: "a lib has one writer and any number of readers",
    promise: "for writing it takes the writer's lock (locked) until its scope closes; a reader takes none",
    body: (ground) => oneWriter(ground)
  },
  {
    name: "a reader that refreshes sees what was appended meanwhile, and never less than before",
    promise: "the hint and the dynamic segments are visible to readers that were opened before",
    body: (ground) => followed(ground)
  },
  {
    name: "concurrent appends get places of their own, while dynamic segments are closed",
    promise: "operations on different files may run at the same time",
    body: (ground) => together(ground)
  },
  {
    name: "a tape that lost its meta is recovered with all of its records",
    promise: "segments.list names all segments of a tape, even those that its meta does not list",
    body: (ground) => tapeRecovered(ground)
  },
  {
    name: "a lib that lost its meta is recovered with its tapes",
    promise: "tapes.list names the tapes; recover opens a lib that may have lost its meta",
    body: (ground) => libRecovered(ground)
  }
]

const oneWriter = (ground: Ground) =>
  Effect.gen(function* () {
    const at = ground.place()
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* openStore(ground, at)
        yield* failing("a second writer", Effect.scoped(openStore(ground, at)), "LibLocked")
        yield* openStore(ground, at, { mode: "read" })
        yield* openStore(ground, at, { mode: "read" })
      })
    )
    const { lib } = yield* openStore(ground, at)
    same("whether the next writer made the lib", lib.report.created, false)
    same("whether it had anything to recover", lib.report.recovered, false)
  })

const followed = (ground: Ground) =>
  Effect.gen(function* () {
    const at = ground.place()
    const writer = yield* openStore(ground, at, { closeBytes: 1024, backlogMax: 2 })
    const reader = yield* openStore(ground, at, { mode: "read" })
    for (let n = 0; n < 40; n++) {
      yield* writer.append("order-1", [{ type: "Counted", data: { n, filler: "x".repeat(20 * (n % 7)) } }])
      yield* reader.lib.refresh
      const seen = yield* Stream.runCollect(reader.readAll())
      const expected = Array.from({ length: n + 1 }, (_, i) => i)
      same(
        `what the reader sees after ${n + 1} events`,
        seen.map(({ data }) => (data as { readonly n: number }).n),
        expected
      )
    }
  })

const together = (ground: Ground): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const at = ground.place()
    const names = ["alpha", "beta", "gamma"]
    const jobs = Array.from({ length: 120 }, (_, n) => ({ tape: names[n % 3]!, records: [{ n }, { n, again: true }] }))
    const expected = new Map(names.map((name) => [name, [] as Array<unknown>]))
    const look = Effect.fnUntraced(function* (lib: Lib.Lib["Service"]) {
      for (const name of names) {
        same(`the records of ${name}, in the order of their receipts`, yield* recordsOf(lib, name), expected.get(name))
      }
      same("what verify finds", (yield* lib.verify()).bad, [])
    })
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { lib } = yield* openStore(ground, at, { closeBytes: 2048, backlogMax: 2 })
        yield* Effect.forEach(names, lib.createTape)
        const done = yield* Effect.forEach(jobs, (job) => Effect.map(lib.commit([job]), ([receipt]) => receipt!), {
          concurrency: "unbounded"
        })
        for (const [index, { tape, firstOrdinal }] of done.entries()) {
          for (const [offset, record] of jobs[index]!.records.entries()) {
            expected.get(tape)![firstOrdinal + offset] = record
          }
        }
        yield* look(lib)
        // Closed here, not by the scope, so that errors are reported.
        yield* lib.close
      })
    )
    const { lib } = yield* openStore(ground, at)
    yield* look(lib)
  })

const tapeRecovered = (ground: Ground) =>
  Effect.gen(function* () {
    const at = ground.place()
    yield* filled(ground, at)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const root = yield* open(ground, at)
        const meta = yield* root.meta.read("alpha")
        yield* root.meta.replace("alpha", meta?.version, bytes("no meta\n"))
      })
    )
    const { lib } = yield* openStore(ground, at)
    const report = yield* lib.recoverTape("alpha")
    same("how many records are recovered", report.records, 3)
    same("the records of the recovered tape", yield* recordsOf(lib, "alpha"), [{ n: 0 }, { n: 1 }, { n: 2 }])
  })

const libRecovered = (ground: Ground) =>
  Effect.gen(function* () {
    const at = ground.place()
    yield* filled(ground, at)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const root = yield* open(ground, at)
        const meta = yield* root.meta.read(undefined)
        yield* root.meta.replace(undefined, meta?.version, bytes("no meta\n"))
      })
    )
    yield* Effect.provideService(Lib.recover(at), Storage, ground.storage)
    const { lib } = yield* openStore(ground, at)
    same("the records of the adopted tape", yield* recordsOf(lib, "alpha"), [{ n: 0 }, { n: 1 }, { n: 2 }])
  })
