/** What a lib refuses, and that a refusal leaves no damage. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import type * as Lib from "litetapes/Lib"
import type * as Tape from "litetapes/Tape"
import {
  existingTape,
  type Kind,
  openSession,
  recordsOf,
  tagOf,
  tagsOf,
  tapeOf,
  withLib
} from "../../support/openLib.ts"
import { at, watched } from "../../support/watchedStorage.ts"
import * as Deferred from "effect/Deferred"
import * as Fiber from "effect/Fiber"

export const openingContract = ({ storage, place }: Kind): void => {
  describe("opening", () => {
    it.live("admits one writer at a time, and readers at the same time", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            assert.isTrue(lib.report.created)
            assert.strictEqual(yield* tagOf(withLib(base, location, () => Effect.void)), "LibLocked")
            const id = yield* withLib(base, location, (reader) => Effect.succeed(reader.id), { mode: "read" })
            assert.strictEqual(id, lib.id)
            assert.strictEqual(yield* tagOf(withLib(base, location, () => Effect.void)), "LibLocked")
          })
        )
        const report = yield* withLib(base, location, (lib) => Effect.succeed(lib.report))
        assert.deepStrictEqual(report, { created: false, recovered: false, metaTailDropped: false, warnings: [] })
      })
    )

    it.live("refuses a place that is not a lib, and leaves it unchanged", () =>
      Effect.gen(function* () {
        const base = yield* storage
        assert.strictEqual(yield* tagOf(withLib(base, place(), () => Effect.void, { mode: "read" })), "LibInvalid")
        const taken = place()
        yield* Effect.scoped(
          Effect.flatMap(base.open(taken, "write"), (root) => root.quarantine.keep("something", Buffer.from("else")))
        )
        for (const mode of ["write", "read", "write"] as const) {
          assert.strictEqual(yield* tagOf(withLib(base, taken, () => Effect.void, { mode })), "LibInvalid")
        }
      })
    )

    it.live("refuses limits and a placement other than those that the lib was created with", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const made: Lib.Options = { limits: { recordBytesMax: 1000 }, placement: { kind: "hashed", tapes: 4 } }
        yield* withLib(base, location, () => Effect.void, made)
        const others: ReadonlyArray<Lib.Options> = [
          { limits: { recordBytesMax: 1001 } },
          { limits: { depthMax: 5 } },
          { placement: { kind: "category" } },
          { placement: { kind: "hashed", tapes: 5 } }
        ]
        for (const mode of ["write", "read"] as const) {
          for (const other of others) {
            const tag = yield* tagOf(withLib(base, location, () => Effect.void, { ...other, mode }))
            assert.strictEqual(tag, "SettingsMismatch")
          }
          for (const same of [{}, made]) {
            const { limits } = yield* withLib(base, location, (lib) => Effect.succeed(lib), { ...same, mode })
            assert.strictEqual(limits.recordBytesMax, 1000)
          }
        }
      })
    )
  })
}

export const tapesContract = ({ storage, place }: Kind): void => {
  describe("tapes", () => {
    it.live("must exist before they are used, and must not exist before they are created", () =>
      Effect.gen(function* () {
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            const missing = [
              existingTape(lib, "order"),
              lib.commit([{ tape: "order", records: [{}] }]),
              lib.archive("order"),
              lib.activate("order")
            ]
            assert.deepStrictEqual(new Set(yield* tagsOf(missing)), new Set(["TapeNotFound"]))
            const { tape } = yield* lib.createTape("order")
            assert.strictEqual((yield* existingTape(lib, "order")).id, tape)
            assert.strictEqual(yield* tagOf(lib.createTape("order")), "TapeExists")
            const at = yield* existingTape(lib, "order")
            assert.strictEqual(yield* tagOf(at.segment(1)), "SegmentMissing")
            assert.strictEqual(yield* tagOf(at.verifySegment(0)), "SegmentMissing")
            assert.strictEqual(yield* tagOf(Stream.runCollect(at.readSegment(7))), "SegmentMissing")
          })
        )
      })
    )

    it.live("are created once if many callers create the same one concurrently", () =>
      Effect.gen(function* () {
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            const tags = yield* Effect.all(
              Array.from({ length: 8 }, () => Effect.match(lib.createTape("order"), tagged)),
              { concurrency: "unbounded" }
            )
            assert.deepStrictEqual(tags.toSorted(), [...Array.from({ length: 7 }, () => "TapeExists"), "made"])
            assert.lengthOf(yield* lib.tapes, 1)
          })
        )
      })
    )

    it.live("have only names that are file names everywhere", () =>
      Effect.gen(function* () {
        const bad = ["", ".", "..", "../order", "a/b", "Order", "con", "litelib.meta.jsonl", "order.", "é", "a.tmp"]
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            for (const name of [...bad, "x".repeat(101)]) {
              assert.strictEqual(yield* tagOf(lib.createTape(name)), "InvalidTapeName", name)
            }
            assert.lengthOf(yield* lib.tapes, 0)
            yield* lib.createTape("order")
          })
        )
      })
    )

    it.live("refuse appends but can be read while archived, until they are activated, even in a later session", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            const other = yield* tapeOf(lib, "other")
            yield* order.append([{ n: 1 }])
            yield* lib.archive("order")
            assert.strictEqual((yield* order.meta).state, "archived")
            assert.strictEqual(yield* tagOf(order.append([{ n: 2 }])), "TapeArchived")
            const both = [
              { tape: "other", records: [{ n: 1 }] },
              { tape: "order", records: [{ n: 2 }] }
            ]
            assert.strictEqual(yield* tagOf(lib.commit(both)), "TapeArchived")
            assert.strictEqual(yield* other.size, 0)
            yield* other.append([{ n: 3 }])
          })
        )
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            const order = yield* existingTape(lib, "order")
            assert.strictEqual(yield* tagOf(order.append([{ n: 2 }])), "TapeArchived")
            assert.deepStrictEqual(yield* recordsOf(lib, "order"), [{ n: 1 }])
            yield* lib.activate("order")
            assert.strictEqual((yield* order.append([{ n: 2 }])).firstOrdinal, 1)
          })
        )
      })
    )

    it.live("refuse an append that was queued before they were archived", () =>
      Effect.gen(function* () {
        const watch = watched(yield* storage)
        yield* withLib(watch.storage, place(), (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            const [begun, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
            watch.before = at("append", Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(goOn)))
            const sealed = yield* Effect.forkChild(order.append([{ n: 1 }]))
            yield* Deferred.await(begun)
            const queued = yield* Effect.forkChild(tagOf(order.append([{ n: 2 }])), { startImmediately: true })
            yield* lib.archive("order")
            yield* Deferred.succeed(goOn, undefined)
            assert.strictEqual((yield* Fiber.join(sealed)).firstOrdinal, 0)
            assert.strictEqual(yield* Fiber.join(queued), "TapeArchived")
            assert.deepStrictEqual(yield* recordsOf(lib, "order"), [{ n: 1 }])
          })
        )
      })
    )

    it.live("of the event store are read like others, but only the event store appends to them", () =>
      Effect.gen(function* () {
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            const store = yield* EventStore.make
            yield* store.append("order-1", [{ type: "OrderPlaced", data: { total: 5 } }])
            const order = yield* existingTape(lib, "order")
            assert.strictEqual((yield* order.meta).role, "events")
            assert.strictEqual(yield* tagOf(order.append([{ n: 1 }])), "TapeOwned")
            assert.strictEqual(yield* tagOf(lib.commit([{ tape: "order", records: [{}] }])), "TapeOwned")
            const [event] = yield* recordsOf(lib, "order")
            assert.deepInclude(event, { $type: "OrderPlaced", stream: "order-1", revision: 0, position: 0 })
            assert.strictEqual(yield* order.size, 1)
          })
        )
      })
    )
  })
}

const tagged = {
  onFailure: ({ _tag }: { readonly _tag: string }) => _tag,
  onSuccess: () => "made"
}

/** Returns every operation that changes a lib. */
const changes = (lib: Lib.Lib["Service"], tape: Tape.Tape["Service"]) => [
  tape.append([{ n: 1 }]),
  tape.append([]),
  lib.commit([{ tape: tape.name, records: [{ n: 1 }] }]),
  lib.createTape("new"),
  lib.archive(tape.name),
  lib.activate(tape.name),
  tape.appendSegment,
  tape.setUserMeta("key", 1),
  tape.removeUserMeta("key")
]

export const handlesContract = ({ storage, place }: Kind): void => {
  describe("a handle", () => {
    it.live("of a reader changes nothing", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, (lib) => Effect.flatMap(tapeOf(lib, "order"), (tape) => tape.append([{ n: 1 }])))
        yield* withLib(
          base,
          location,
          (lib) =>
            Effect.gen(function* () {
              const tape = yield* existingTape(lib, "order")
              assert.deepStrictEqual(new Set(yield* tagsOf(changes(lib, tape))), new Set(["ReadOnly"]))
              assert.deepStrictEqual(yield* recordsOf(lib, "order"), [{ n: 1 }])
              assert.lengthOf(yield* lib.tapes, 1)
            }),
          { mode: "read" }
        )
      })
    )

    it.live("does nothing more once its scope has closed, in a writer and in a reader", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        for (const mode of ["write", "read"] as const) {
          const { lib, close } = yield* openSession(base, location, { mode })
          if (mode === "write") yield* Effect.flatMap(tapeOf(lib, "order"), (tape) => tape.append([{ n: 1 }]))
          const tape = yield* existingTape(lib, "order")
          if (mode === "write") yield* tape.appendSegment
          yield* close
          const segment = yield* tape.segment(1)
          const reads = [
            Stream.runCollect(tape.records()),
            Stream.runCollect(tape.readSegment(1)),
            tape.verifySegment(1),
            segment.verify,
            Stream.runCollect(segment.lines),
            lib.refresh
          ]
          const tags = yield* tagsOf([...changes(lib, tape), ...reads])
          assert.deepStrictEqual(new Set(tags), new Set(["LibClosed"]))
        }
      })
    )
  })
}
