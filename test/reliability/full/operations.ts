/** Operations that run out of disk space. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { existingTape, type LibService, tapeOf } from "../../support/openLib.ts"
import type { Kept } from "../../support/receipts.ts"

/** The appends of a lib: those that were acknowledged, and those that may also be found. */
export interface Ledger {
  readonly kept: Array<Kept>
  /**
   * Records of an append with an unknown outcome, by tape: after those of `kept` either all of them are there or none.
   */
  readonly unsure: Map<string, ReadonlyArray<object>>
  /** Number of acknowledged events. */
  events: number
  /** Number of events whose append has an unknown outcome. */
  eventsUnsure: number
}

export const newLedger = (): Ledger => ({ kept: [], unsure: new Map(), events: 0, eventsUnsure: 0 })

export const copyLedger = (ledger: Ledger): Ledger => ({
  ...ledger,
  kept: [...ledger.kept],
  unsure: new Map(ledger.unsure)
})

/** Appends a record and notes the outcome. */
export const keep = (lib: LibService, ledger: Ledger, name: string, n: number, chars = 300) =>
  Effect.gen(function* () {
    const records = [{ n, text: "x".repeat(chars) }]
    const receipt = yield* Effect.tapError(lib.commit([{ tape: name, records }]), (error) =>
      Effect.sync(() => {
        if (error._tag === "CommitOutcomeUnknown") ledger.unsure.set(name, records)
      })
    )
    const { firstOrdinal, batch } = receipt[0]!
    ledger.kept.push({ by: "the writer", tape: name, records, firstOrdinal, batch })
  })

export const stream = "order-1"

/** Appends an event and notes the outcome. */
export const keepEvent = (lib: LibService, ledger: Ledger, chars = 300) =>
  Effect.gen(function* () {
    const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
    const expected = ledger.events === 0 ? ("no-stream" as const) : ledger.events - 1
    yield* Effect.tapError(
      store.append(stream, [{ type: "Filled", data: { text: "y".repeat(chars) } }], { expected }),
      (error) =>
        Effect.sync(() => {
          if (error._tag === "CommitOutcomeUnknown") ledger.eventsUnsure = 1
        })
    )
    ledger.events += 1
  })

/** Returns the number of events in the stream. */
export const readEvents = (lib: LibService) =>
  Effect.gen(function* () {
    const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
    return (yield* Stream.runCollect(store.read(stream))).length
  })

export interface Operation {
  readonly name: string
  readonly options?: Lib.Options
  readonly run: (lib: LibService, ledger: Ledger) => Effect.Effect<unknown, { readonly _tag: string }>
}

/** More than fits: an operation repeated this often must run out of space. */
const endless = 5000

/** Longer than a block of the disk, in characters. */
const long = 9000

const many = (use: (n: number) => Effect.Effect<unknown, { readonly _tag: string }>) =>
  Effect.forEach(
    Array.from({ length: endless }, (_, n) => n),
    use,
    { discard: true }
  )

export const operations: ReadonlyArray<Operation> = [
  { name: "append", run: (lib, ledger) => keep(lib, ledger, "alpha", 1000, long) },
  { name: "append events", run: (lib, ledger) => keepEvent(lib, ledger, long) },
  { name: "append without end", run: (lib, ledger) => many((n) => keep(lib, ledger, "alpha", n)) },
  { name: "append events without end", run: (lib, ledger) => many(() => keepEvent(lib, ledger)) },
  {
    name: "roll without end",
    options: { closeBytes: 2000, backlogMax: 2 },
    run: (lib, ledger) => many((n) => keep(lib, ledger, n % 2 === 0 ? "alpha" : "beta", n))
  },
  { name: "flush", run: (lib) => Effect.flatMap(existingTape(lib, "alpha"), (tape) => tape.appendSegment) },
  {
    name: "repack",
    run: (lib) => Effect.flatMap(existingTape(lib, "beta"), (tape) => tape.repack({ targetBytes: 1500, force: true }))
  },
  { name: "create a tape", run: (lib) => lib.createTape("new") },
  { name: "clone", run: (lib) => Effect.flatMap(existingTape(lib, "beta"), (tape) => tape.clone(lib, "copy")) },
  {
    name: "set user metadata",
    run: (lib) => Effect.flatMap(existingTape(lib, "beta"), (tape) => tape.setUserMeta("text", "z".repeat(5000)))
  },
  {
    name: "archive and activate without end",
    run: (lib) => many((n) => (n % 2 === 0 ? lib.archive("beta") : lib.activate("beta")))
  },
  { name: "close", run: (lib) => lib.close }
]

/** Returns whether an operation continues until the disk is full. */
export const isEndless = ({ name }: Operation): boolean => name.endsWith("without end")

/** Makes two tapes with segments and with records in no segment yet, and a stream of events. */
export const prepare = Effect.fnUntraced(function* (lib: LibService, ledger: Ledger) {
  for (const name of ["alpha", "beta"]) {
    const tape = yield* tapeOf(lib, name)
    for (let n = 0; n < 12; n++) {
      yield* keep(lib, ledger, name, 10_000 + n)
      if (n === 5 || n === 8) yield* tape.appendSegment
    }
  }
  yield* keepEvent(lib, ledger)
  yield* keepEvent(lib, ledger)
})
