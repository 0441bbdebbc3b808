/** Checkpoints in the append: what is atomic, what is refused, what survives, and what they cost. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import { Storage } from "litetapes/Storage"
import { defaultLimits } from "../../src/domain/format/Limits.ts"
import { rangesMax } from "../../src/domain/meta/CheckpointRanges.ts"
import { checkpointRecord } from "../../src/domain/meta/LibRefold.ts"
import * as MetaChain from "../../src/domain/meta/MetaChain.ts"
import type { LibRecord } from "../../src/domain/meta/SystemRecord.ts"
import { checkpointBytesMax } from "../../src/services/lib/metaLimits.ts"
import { copyFixture } from "../support/fixtures.ts"
import { type LibService, openInMemory, openStore, settle, tagOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()
const made = [{ type: "Made", data: {} }]
const answer = (stream: string, position: number, more: object = {}) =>
  [stream, made, { checkpoint: { consumer: "answers", position, ...more } }] as const

const lowsOf = (lib: LibService) =>
  Effect.map(lib.checkpoints, (all): object =>
    Object.fromEntries(all.map(({ consumer, done, low }) => [consumer, [low, done]]))
  )

describe("a checkpoint in an append", () => {
  it.effect("is there with the events, takes no position, and is in no stream", () =>
    Effect.gen(function* () {
      const { close, lib, storage, store } = yield* openInMemory()
      yield* store.append("order-1", [...made, ...made])
      yield* store.append(...answer("answer-1", 1))
      assert.deepStrictEqual(yield* lowsOf(lib), { answers: [0, [[1, 2]]] })
      yield* store.append(...answer("answer-1", 0))
      assert.deepStrictEqual(yield* store.appendAll([], { checkpoint: { consumer: "other", low: 3 } }), [])
      const expected = { answers: [2, []], other: [3, []] }
      assert.deepStrictEqual(yield* lowsOf(lib), expected)
      const positions = (one: typeof store) =>
        Effect.map(Stream.runCollect(one.readAll()), (events) => events.map(({ position }) => position))
      assert.deepStrictEqual(yield* positions(store), [0, 1, 2, 3])
      assert.strictEqual(yield* store.position, 4)
      // A reader sees them while the writer has the lib open, and after its end.
      assert.deepStrictEqual(yield* withLib(storage, "lib", lowsOf, { mode: "read" }), expected)
      yield* close
      assert.deepStrictEqual(yield* withLib(storage, "lib", lowsOf, { mode: "read" }), expected)
      const again = yield* openStore(storage)
      assert.deepStrictEqual(yield* lowsOf(again.lib), expected)
      assert.deepStrictEqual(yield* positions(again.store), [0, 1, 2, 3])
      assert.isTrue((yield* again.lib.verify()).ok)
    })
  )

  it.effect("is refused if its event is done, and then nothing is appended", () =>
    Effect.gen(function* () {
      const { store } = yield* openInMemory()
      yield* store.append("order-1", [...made, ...made])
      yield* store.append(...answer("answer-1", 0))
      const error = yield* Effect.flip(store.append(...answer("answer-1", 0)))
      assert.deepInclude(error, { _tag: "CheckpointNotIncreased", consumer: "answers", position: 0, low: 1 })
      assert.match(error.message, /event 0 is done already.*Nothing was appended\. Treat the event as done\.$/)
      assert.strictEqual(yield* tagOf(store.append(...answer("answer-1", 0, { low: 2 }))), "CheckpointNotIncreased")
      const alone = (checkpoint: EventStore.AppendCheckpoint) => store.appendAll([], { checkpoint })
      const unchanged = yield* Effect.flip(alone({ consumer: "answers" }))
      assert.match(unchanged.message, /the checkpoint adds nothing.*with reset: true\.$/)
      assert.strictEqual(yield* tagOf(alone({ consumer: "answers", low: 1 })), "CheckpointNotIncreased")
      assert.strictEqual(yield* tagOf(alone({ consumer: "answers", low: 4 })), "NotInHistory")
      assert.strictEqual(yield* tagOf(alone({ consumer: "answers", position: 3 })), "NotInHistory")
      yield* alone({ consumer: "answers", low: 2 })
      // A later version begins anew, an earlier one is refused.
      yield* store.append(...answer("answer-2", 0, { version: 2 }))
      assert.strictEqual(yield* tagOf(alone({ consumer: "answers", low: 3 })), "CheckpointNotIncreased")
      // A done event is refused before the expectation is looked at, which the first answer has made wrong.
      const checkpoint = { consumer: "answers", position: 0, version: 2 }
      assert.strictEqual(
        yield* tagOf(store.append("answer-2", made, { checkpoint, expected: "no-stream" })),
        "CheckpointNotIncreased"
      )
      // An append that is refused for another reason moves no checkpoint.
      const next = { consumer: "answers", position: 1, version: 2 }
      assert.strictEqual(
        yield* tagOf(store.append("answer-2", made, { checkpoint: next, expected: "no-stream" })),
        "WrongExpectedRevision"
      )
      yield* store.append("answer-2", made, { checkpoint: next, expected: 0 })
      yield* alone({ consumer: "answers", low: 0, reset: true })
      yield* store.append(...answer("answer-3", 0))
      assert.strictEqual(yield* store.position, 6)
    })
  )

  it.effect("only one of many that race for an event succeeds, also within one batch", () =>
    Effect.gen(function* () {
      const { store } = yield* openInMemory()
      yield* store.append("order-1", [...made, ...made])
      for (const position of [1, 0]) {
        const racing = Array.from({ length: 16 }, (_, n) =>
          Effect.result(store.append(...answer(`answer-${n}`, position)))
        )
        const outcomes = yield* Effect.all(racing, { concurrency: "unbounded" })
        assert.strictEqual(outcomes.filter(({ _tag }) => _tag === "Success").length, 1)
        for (const one of outcomes) {
          if (one._tag === "Failure") assert.strictEqual(one.failure._tag, "CheckpointNotIncreased")
        }
      }
      assert.strictEqual(yield* store.position, 4)
    })
  )

  it.effect("a repeat gives its first result, and commits a checkpoint that is missing", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openInMemory()
      yield* store.append("order-1", made)
      const events = [{ type: "Answered", id: "one", data: {} }]
      const first = yield* store.append("answer-1", events)
      const checkpoint = { consumer: "answers", position: 0 }
      const again = { ...first, repeated: true }
      assert.deepStrictEqual(yield* store.append("answer-1", events, { checkpoint }), again)
      assert.deepStrictEqual(yield* lowsOf(lib), { answers: [1, []] })
      assert.deepStrictEqual(yield* store.append("answer-1", events, { checkpoint }), again)
      assert.strictEqual(yield* store.position, 2)
    })
  )

  it.effect("lists its consumer only if it is appended", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openInMemory()
      yield* store.append("order-1", made)
      const { id: other } = yield* openStore(yield* MemoryStorage.make, {}, "other").pipe(Effect.map((one) => one.lib))
      const refused = [
        ["NotInHistory", store.append(...answer("answer-1", 9))],
        ["NotInHistory", store.append(...answer("answer-1", 0, { lib: other }))],
        ["NotInHistory", store.append(...answer("answer-1", 0, { lib: lib.id, lineage: other }))],
        ["WrongExpectedRevision", store.append("order-1", made, { ...answer("", 0)[2], expected: "no-stream" })],
        [
          "ConditionFailed",
          store.append("answer-1", made, {
            ...answer("", 0)[2],
            condition: { failIfEventsMatch: [{ types: ["Made"] }], after: "nothing" }
          })
        ]
      ] as const
      for (const [tag, append] of refused) {
        assert.strictEqual(yield* tagOf(append as Effect.Effect<unknown, { readonly _tag: string }>), tag)
        assert.deepStrictEqual(yield* lib.checkpoints, [], tag)
      }
      // Several at once, with an id each, of which only one is the first.
      const events = (n: number) => [{ type: "Answered", id: `${n}`, data: {} }]
      const several = Array.from({ length: 8 }, (_, n) =>
        Effect.result(store.append(`answer-${n}`, events(n), { checkpoint: { consumer: "answers", position: 0 } }))
      )
      const outcomes = yield* Effect.all(several, { concurrency: "unbounded" })
      assert.lengthOf(
        outcomes.filter(({ _tag }) => _tag === "Success"),
        1
      )
      assert.deepStrictEqual(yield* lowsOf(lib), { answers: [1, []] })
      yield* store.append(...answer("answer-9", 1, { lib: lib.id, lineage: lib.lineage }))
    })
  )

  it.effect("wrong ones are refused with the field that is wrong", () =>
    Effect.gen(function* () {
      const { store } = yield* openInMemory()
      yield* store.append("order-1", made)
      const wrong: ReadonlyArray<readonly [unknown, string]> = [
        [undefined, ""],
        [null, ""],
        [7, ""],
        [[], ""],
        [{}, ".consumer"],
        [{ consumer: "No Name" }, ".consumer"],
        [{ consumer: "a", position: -1 }, ".position"],
        [{ consumer: "a", low: 0.5 }, ".low"],
        [{ consumer: "a", version: 0 }, ".version"],
        [{ consumer: "a", done: [[1, 1]] }, ".done"],
        [{ consumer: "a", done: [[1]] }, ".done"],
        [{ consumer: "a", done: 1 }, ".done"],
        [{ consumer: "a", reset: 1 }, ".reset"],
        [{ consumer: "a", lib: 1 }, ".lib"],
        [{ consumer: "a", lineage: undefined, lib: null }, ".lib"],
        [{ consumer: "a", positoin: 0 }, ".positoin"]
      ]
      for (const [checkpoint, below] of wrong) {
        for (const call of ["append", "appendAll"] as const) {
          const options = { checkpoint } as { readonly checkpoint: EventStore.AppendCheckpoint }
          const appended: Effect.Effect<unknown, EventStore.EventAppendError> =
            call === "append" ? store.append("a-1", made, options) : store.appendAll([], options)
          const error: object = yield* Effect.flip(appended)
          assert.deepInclude(error, {
            _tag: "InvalidArgument",
            call: `EventStore.${call}`,
            argument: `options.checkpoint${below}`
          })
        }
      }
      assert.strictEqual(yield* store.position, 1)
    })
  )

  it.effect("a checkpoint has at most as many ranges as lib meta has room for", () =>
    Effect.gen(function* () {
      const { store } = yield* openInMemory()
      yield* store.append(
        "order-1",
        Array.from({ length: 2100 }, () => made[0]!)
      )
      const evens = (count: number) => Array.from({ length: count }, (_, n) => [2 * n + 1, 2 * n + 2] as const)
      const commit = (count: number) => store.appendAll([], { checkpoint: { consumer: "odd", done: evens(count) } })
      assert.strictEqual(yield* tagOf(commit(1025)), "InvalidArgument")
      yield* commit(1024)
      yield* store.appendAll([], { checkpoint: { consumer: "odd", low: 2048, position: 2099 } })
    })
  )
})

describe("lib meta that is full of consumers", () => {
  it("reserves as much for a consumer as the longest line of its checkpoint needs", () => {
    for (const metaBytesMax of [16 * 1024, 64 * 1024, 1024 * 1024, 64 * 1024 * 1024]) {
      const limits = { ...defaultLimits, metaBytesMax }
      const start = 2 ** 48 - 4 * 1024
      const above = Array.from({ length: rangesMax(limits) }, (_, n) => [start + 2 * n, start + 2 * n + 1] as const)
      const state = { version: 2 ** 48, low: start - 2, above, at: 2 ** 48, isLost: true } as const
      const { bytes } = MetaChain.write<LibRecord>(null, [checkpointRecord("c".repeat(64), state)], limits)
      assert.isAtMost(bytes.length, checkpointBytesMax(limits))
    }
  })

  it.effect("refuses the next one, and has room for all checkpoints of the others, however they grow", () =>
    Effect.gen(function* () {
      const limits = { metaBytesMax: 64 * 1024 }
      const storage = yield* MemoryStorage.make
      const first = yield* openStore(storage, { limits })
      yield* first.store.append(
        "order-1",
        Array.from({ length: 1000 }, () => made[0]!)
      )
      let count = 0
      const consumer = () => `consumer-${count}-${"x".repeat(40)}`
      const list = Effect.suspend(() => first.store.appendAll([], { checkpoint: { consumer: consumer(), low: 1 } }))
      const forever = Effect.forever(Effect.tap(list, () => Effect.sync(() => count++)))
      const error = yield* Effect.flip(forever)
      assert.deepInclude(error, { _tag: "MetaInvalid" })
      assert.match(error.message, /checkpoints of \d+ consumers.*another CheckpointStore/)
      assert.isAbove(count, 20)
      const listed = (yield* first.lib.checkpoints).map((one) => one.consumer)
      assert.lengthOf(listed, count)
      const done = Array.from({ length: 16 }, (_, n) => [900 + 2 * n, 901 + 2 * n] as const)
      for (const one of listed) yield* first.store.appendAll([], { checkpoint: { consumer: one, done } })
      yield* first.close
      const second = yield* openStore(storage, { limits })
      yield* second.store.append("order-1", made)
      for (const one of listed) {
        const all = [...done, [960, 970] as const].slice(1)
        yield* second.store.appendAll([], { checkpoint: { consumer: one, low: 2, done: all, reset: true } })
      }
      yield* second.close
      const third = yield* openStore(storage, { limits })
      yield* third.store.append("order-1", made)
      assert.lengthOf(yield* third.lib.checkpoints, count)
      assert.isTrue((yield* third.lib.verify()).ok)
    })
  )
})

describe("checkpoints survive", () => {
  const three = Effect.fnUntraced(function* (options: Lib.Options = {}) {
    const one = yield* openInMemory(options)
    yield* one.store.append("order-1", [...made, ...made, ...made])
    yield* one.store.append(...answer("answer-1", 0))
    yield* one.store.append(...answer("answer-1", 2))
    return one
  })

  it.effect("a backup, an incremental one, and a whole restore; one up to a position doubts them", () =>
    Effect.gen(function* () {
      const { lib, storage, store } = yield* three()
      const on = Effect.provideService(Storage, storage)
      yield* on(lib.backup("backup"))
      yield* store.append(...answer("answer-1", 1))
      yield* on(lib.backup("again"))
      const before = { answers: [1, [[2, 3]]] }
      assert.deepStrictEqual(yield* withLib(storage, "backup", lowsOf, { mode: "read" }), before)
      yield* on(lib.backup("backup"))
      assert.deepStrictEqual(yield* withLib(storage, "backup", lowsOf, { mode: "read" }), { answers: [3, []] })
      // From a reader, while the writer has the lib open.
      yield* on(withLib(storage, "lib", (reader) => on(reader.backup("read")), { mode: "read" }))
      // The last answer has position 5.
      const cuts = [
        [undefined, 3, false],
        [6, 3, false],
        [5, 3, true],
        [3, 3, true],
        [2, 2, true],
        [0, 0, true]
      ] as const
      for (const from of ["backup", "read"]) {
        for (const [upTo, low, isLost] of cuts) {
          const to = `${from}-${upTo}`
          yield* on(Lib.restore(from, to, upTo === undefined ? {} : { upTo }))
          const { close, store: restored, lib: its } = yield* openStore(storage, {}, to)
          const shown = [{ consumer: "answers", version: 1, low, done: [], isLost }]
          assert.deepStrictEqual(yield* its.checkpoints, shown)
          const { firstPosition } = yield* restored.append("order-9", made)
          const next = restored.append(...answer("answer-9", firstPosition))
          if (isLost) {
            assert.strictEqual(yield* tagOf(next), "CheckpointLost")
            yield* restored.appendAll([], { checkpoint: { consumer: "answers", low: 0, reset: true } })
          }
          yield* next
          yield* close
          const again = yield* openStore(storage, {}, to)
          assert.strictEqual(
            yield* tagOf(again.store.append(...answer("answer-9", firstPosition))),
            "CheckpointNotIncreased"
          )
        }
      }
      yield* on(lib.backup("middle"))
    })
  )

  it.effect("a restore up to a position keeps those that were committed before it", () =>
    Effect.gen(function* () {
      const { close, storage } = yield* three()
      const on = Effect.provideService(Storage, storage)
      yield* close
      const again = yield* openStore(storage)
      yield* again.store.append("order-1", made)
      yield* again.store.appendAll([], { checkpoint: { consumer: "later", low: 6 } })
      yield* on(again.lib.backup("backup"))
      for (const [upTo, lost] of [
        [6, []],
        [5, ["later"]],
        [4, ["answers", "later"]]
      ] as const) {
        yield* on(Lib.restore("backup", `to-${upTo}`, { upTo }))
        const found = yield* withLib(storage, `to-${upTo}`, (one) => one.checkpoints, { mode: "read" })
        assert.deepStrictEqual(
          found.filter(({ isLost }) => isLost).map(({ consumer }) => consumer),
          [...lost]
        )
      }
    })
  )

  it.effect("a copy of the lib, and every repack", () =>
    Effect.gen(function* () {
      const { lib, storage } = yield* three()
      yield* lib.copy("copy", { placement: { kind: "single" } })
      const copied = yield* openStore(storage, {}, "copy")
      assert.deepStrictEqual(yield* lowsOf(copied.lib), { answers: [1, [[2, 3]]] })
      assert.strictEqual(yield* tagOf(copied.store.append(...answer("answer-1", 0))), "CheckpointNotIncreased")
      assert.isTrue((yield* copied.lib.verify()).ok)
    })
  )

  it.effect("a lib without any keeps format 1 until its first one", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const format = withLib(
        storage,
        "lib",
        () =>
          Effect.scoped(
            Effect.gen(function* () {
              const root = yield* storage.open("lib", "read")
              const meta = yield* root.meta.read(undefined)
              return JSON.parse(Buffer.from(meta!.bytes).toString().split("\n")[0]!).format as number
            })
          ),
        { mode: "read" }
      )
      const { close, store } = yield* openStore(storage, { placement: { kind: "category" } })
      yield* store.append("order-1", made)
      assert.strictEqual(yield* format, 1)
      assert.strictEqual(yield* tagOf(store.appendAll([], { checkpoint: { consumer: "X" } })), "InvalidArgument")
      assert.strictEqual(yield* format, 1)
      yield* store.append(...answer("answer-1", 0))
      assert.strictEqual(yield* format, 2)
      yield* close
      assert.strictEqual(yield* format, 2)
      const again = yield* openStore(storage)
      assert.deepStrictEqual(yield* lowsOf(again.lib), { answers: [1, []] })
    })
  )
})

describe("the cost of checkpoints", () => {
  /** Returns the bytes of lib meta and of the dynamic segments. */
  const bytesOf = (storage: Storage["Service"]) =>
    Effect.scoped(
      Effect.gen(function* () {
        const root = yield* storage.open("lib", "read")
        const meta = yield* root.meta.read(undefined)
        const numbers = yield* root.journal.list
        const sizes = yield* Effect.forEach(numbers, root.journal.size)
        return { meta: meta!.bytes.length, journal: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) }
      })
    )

  it.effect("does not grow with their number, and segments that hold nothing else are closed", () =>
    Effect.gen(function* () {
      const closeBytes = 64 * 1024
      const count = 6000
      const { close, lib, storage, store } = yield* openInMemory({ closeBytes })
      yield* store.append(
        "order-1",
        Array.from({ length: count }, () => made[0]!)
      )
      const metas: Array<number> = []
      for (let position = 0; position < count; position++) {
        yield* store.appendAll([], {
          checkpoint: { consumer: `counts-${position % 3}`, position, low: position - (position % 3) }
        })
        if (position % 500 > 0) continue
        yield* settle
        const bytes = yield* bytesOf(storage)
        metas.push(bytes.meta)
        // Those that wait to be closed, the current one and the next one.
        if (position > 0) assert.isBelow(bytes.journal, 8 * closeBytes)
      }
      // So many marks have about 2 MB.
      assert.isBelow(Math.max(...metas), 64 * 1024)
      assert.lengthOf(yield* lib.checkpoints, 3)
      yield* close
      assert.deepInclude(yield* bytesOf(storage), { journal: 0 })
      assert.isBelow((yield* bytesOf(storage)).meta, 64 * 1024)
    })
  )
})

describe("a lib that lost a dynamic segment, and not its meta", () => {
  /** Leaves a lib as a killed writer does, damages its last dynamic segment from a byte of its last batches on, recovers it. */
  const recovered = Effect.fnUntraced(function* (damageAt: (bytes: Buffer) => number) {
    const storage = yield* MemoryStorage.make
    const first = yield* openStore(storage)
    yield* first.store.append("order-1", [...made, ...made])
    yield* first.store.append(...answer("answer-1", 0))
    yield* first.store.appendAll([], { checkpoint: { consumer: "early", low: 1 } })
    yield* first.close
    const second = yield* openStore(storage)
    yield* second.store.append("order-1", made)
    yield* second.store.append(...answer("answer-1", 1))
    yield* second.store.append("order-1", made)
    const copy = yield* Effect.scoped(
      Effect.gen(function* () {
        const root = yield* storage.open("lib", "read")
        const [number] = (yield* root.journal.list).slice(-1)
        const size = (yield* root.journal.size(number!))!
        return { number: number!, bytes: Buffer.from(yield* root.journal.read(number!, 0, size)) }
      })
    )
    const meta = yield* Effect.scoped(Effect.flatMap(storage.open("lib", "read"), (root) => root.meta.read(undefined)))
    yield* second.close
    copy.bytes[damageAt(copy.bytes)]! ^= 1
    yield* Effect.scoped(
      Effect.gen(function* () {
        const root = yield* storage.open("lib", "recover")
        const now = yield* root.meta.read(undefined)
        yield* root.meta.replace(undefined, now!.version, meta!.bytes)
        yield* Effect.flatMap(root.journal.create(copy.number, copy.bytes), (writer) => writer.close)
      })
    )
    const report = yield* Effect.provideService(Lib.recover("lib", { acceptLoss: true }), Storage, storage)
    const lost = Object.fromEntries(report.checkpoints.map(({ consumer, isLost }) => [consumer, isLost]))
    return { lost, report, ...(yield* openStore(storage)) }
  })

  it.effect("keeps a checkpoint that comes after everything that is lost, and doubts the others", () =>
    Effect.gen(function* () {
      const { lost, report, store } = yield* recovered((bytes) => bytes.indexOf('"order-1"'))
      assert.isFalse(report.areCheckpointsLost)
      assert.deepStrictEqual(lost, { answers: false, early: true })
      assert.strictEqual(yield* tagOf(store.append(...answer("answer-1", 1))), "CheckpointNotIncreased")
      const early = (more: object) => store.appendAll([], { checkpoint: { consumer: "early", low: 2, ...more } })
      assert.strictEqual(yield* tagOf(early({})), "CheckpointLost")
      yield* early({ reset: true })
      yield* store.appendAll([], { checkpoint: { consumer: "new", low: 1 } })
    })
  )

  it.effect("doubts all if the last batches are lost", () =>
    Effect.gen(function* () {
      const { lost, report, store } = yield* recovered((bytes) => bytes.lastIndexOf('"order-1"'))
      assert.isTrue(report.areCheckpointsLost)
      assert.deepStrictEqual(lost, { answers: true, early: true })
      assert.strictEqual(yield* tagOf(store.append(...answer("answer-1", 1))), "CheckpointLost")
      // A later version begins anew, whatever was done before.
      yield* store.append(...answer("answer-1", 1, { version: 2 }))
    })
  )
})

describe("checkpoints in a reader", () => {
  it.live("follow the writer, at the cost of what is new", () =>
    Effect.gen(function* () {
      const { storage, store } = yield* openInMemory()
      yield* store.append("order-1", [...made, ...made])
      yield* store.append(...answer("answer-1", 0))
      yield* withLib(
        storage,
        "lib",
        (reader) =>
          Effect.gen(function* () {
            yield* store.append(...answer("answer-1", 1))
            yield* store.appendAll([], { checkpoint: { consumer: "other", low: 1 } })
            yield* reader.refresh
            assert.deepStrictEqual(yield* lowsOf(reader), { answers: [2, []], other: [1, []] })
          }),
        { mode: "read" }
      )
    })
  )
})

describe("frozen libs", () => {
  it.each(["checkpoints", "checkpoints-unclean"])("have the checkpoints that were written: %s", (state) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const place = newPlace()
        copyFixture(state, place)
        const expected = {
          answers: [
            1,
            [
              [2, 4],
              [5, 6]
            ]
          ],
          "mail_2-b": [4, []],
          shipping: [2, [[4, 5]]]
        }
        for (const mode of ["read", "write", "read"] as const) {
          assert.deepStrictEqual(yield* withLib(yield* NodeStorage.make, place, lowsOf, { mode }), expected)
        }
      })
    )
  )
})
