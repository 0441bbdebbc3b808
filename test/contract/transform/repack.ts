/**
 * Repack, alone and with concurrent operations: the stream stays the same whatever the files are, and no file is left
 * over.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import type * as Tape from "litetapes/Tape"
import { existingTape, type LibService, tagOf } from "../../support/openLib.ts"
import {
  all,
  fill,
  numbered,
  openSession,
  type TransformKind,
  unlisted,
  withLib
} from "../../support/transformGround.ts"

type TapeService = Tape.Tape["Service"]

const optionsTable: ReadonlyArray<Tape.RepackOptions> = [
  { targetBytes: 1 },
  { targetBytes: 500 },
  { targetBytes: 100_000_000, force: true },
  { compression: "gzip" },
  { compression: "zstd", targetBytes: 700, shardEvery: 2 },
  { compression: "none", shardEvery: 1 },
  { compression: "zstd", dedup: true, targetBytes: 3000 },
  { compression: "none", dedup: true },
  { targetBytes: 1000 },
  { compression: "gzip", dedup: true, shardEvery: 1000, force: true },
  {}
]

/** Checks that numbers ascend and ordinals have no gap, and returns the number of records. */
const checkSegments = (tape: TapeService) =>
  Effect.map(tape.segments, (segments) => {
    let next = 0
    let number = 0
    for (const segment of segments) {
      assert.strictEqual(segment.firstOrdinal, next)
      assert.isAbove(segment.number, number)
      next += segment.records
      number = segment.number
    }
    return next
  })

export const repackContract = ({ ground, place }: TransformKind): void => {
  describe("repack", () => {
    it.live("keeps identity, root and stream through any sequence of options", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        const repeated = [...numbered(0, 10), ...numbered(0, 10)]
        const head = yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 4, 5)
            yield* tape.append(repeated)
            const expected = [...numbered(0, 20), ...repeated]
            const before = yield* tape.head
            for (const options of optionsTable) {
              const report = yield* tape.repack(options)
              assert.strictEqual(report.root, before.root)
              assert.strictEqual(
                report.records,
                report.added.reduce((sum, one) => sum + one.records, 0)
              )
              assert.deepStrictEqual(yield* tape.head, before)
              assert.deepStrictEqual(yield* all(tape), expected)
              assert.strictEqual(yield* checkSegments(tape), expected.length)
              assert.isTrue((yield* tape.verify()).ok)
            }
            return before
          })
        )
        assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const tape = yield* existingTape(lib, "a")
            assert.deepStrictEqual(yield* tape.head, head)
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )

    it.live("has nothing to do the second time", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        yield* withLib(storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 10, 7)
            for (const targetBytes of [1, 30, 90, 1000, 100_000]) {
              for (const compression of ["none", "zstd"] as const) {
                const options = { targetBytes, compression, shardEvery: 3 }
                assert.isAbove((yield* tape.repack(options)).added.length, 0)
                assert.deepStrictEqual((yield* tape.repack(options)).added, [])
              }
            }
          })
        )
      })
    )

    it.live("restores the repeated records of a deduplicated tape, in segments of the target size", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        yield* withLib(storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 1, 1, 1000)
            const [record] = numbered(0, 1, 1000)
            yield* tape.append(Array.from({ length: 999 }, () => record))
            const { bytesBefore, bytesAfter } = yield* tape.repack({ dedup: true })
            assert.isBelow(bytesAfter * 10, bytesBefore)
            const { added } = yield* tape.repack({ targetBytes: 10_000 })
            assert.isAtLeast(added.length, 90)
            for (const segment of added) assert.isBelow(segment.bytes, 12_500)
            assert.strictEqual(yield* checkSegments(tape), 1000)
          })
        )
      })
    )

    for (const reverse of [false, true]) {
      it.live(`does not disturb a reader of the tape${reverse ? ", backwards" : ""}`, () =>
        Effect.gen(function* () {
          const { storage } = yield* ground
          yield* withLib(storage, place(), (lib) =>
            Effect.gen(function* () {
              const tape = yield* fill(lib, "a", 6, 200, 1000)
              const seen: Array<unknown> = []
              let chunks = 0
              yield* Stream.runForEachArray(tape.records({ reverse }), (records) =>
                Effect.gen(function* () {
                  seen.push(...records)
                  chunks += 1
                  const compression = (["zstd", "none", "gzip"] as const)[chunks % 3]!
                  yield* tape.repack({ compression, targetBytes: 50_000 * chunks, force: true })
                })
              )
              assert.isAbove(chunks, 3)
              const expected = numbered(0, 1200, 1000)
              assert.deepStrictEqual(seen, reverse ? expected.toReversed() : [...expected])
            })
          )
        })
      )
    }

    it.live("runs during appends and flushes, whose segments follow its own", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 5, 4)
            const { fiber, goOn } = yield* suspended(tape, { targetBytes: 300, compression: "zstd" })
            yield* tape.append(numbered(20, 25))
            yield* tape.appendSegment
            yield* tape.setUserMeta("note", "meanwhile")
            yield* tape.append(numbered(25, 30))
            assert.deepStrictEqual(yield* all(tape), numbered(0, 30))
            yield* goOn
            const report = yield* Fiber.join(fiber)
            assert.strictEqual(report.records, 20)
            assert.deepStrictEqual(yield* all(tape), numbered(0, 30))
            assert.strictEqual(yield* checkSegments(tape), 25)
            assert.strictEqual((yield* tape.segments).at(-1)!.compression, "none")
            assert.deepStrictEqual((yield* tape.meta).userMeta, { note: "meanwhile" })
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
        assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const tape = yield* existingTape(lib, "a")
            assert.deepStrictEqual(yield* all(tape), numbered(0, 30))
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )

    it.live("leaves the tape unchanged and no file after an interruption anywhere", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        const session = yield* openSession(storage, at)
        const tape = yield* fill(session.lib, "a", 4, 4)
        let calls = 0
        const counted = { force: true, targetBytes: 200, onProgress: () => Effect.sync(() => void (calls += 1)) }
        yield* tape.repack(counted)
        const total = calls
        assert.isAbove(total, 3)
        for (let stop = 1; stop <= total; stop++) {
          calls = 0
          const before = yield* tape.segments
          const onProgress = () => Effect.suspend(() => ((calls += 1) === stop ? Effect.interrupt : Effect.void))
          const exit = yield* Effect.exit(tape.repack({ force: true, targetBytes: 200, onProgress }))
          assert.isTrue(Exit.hasInterrupts(exit))
          assert.deepStrictEqual(yield* tape.segments, before)
          assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
          const { length } = yield* all(tape)
          yield* tape.append(numbered(length, length + 1))
          assert.isNotNull(yield* tape.appendSegment)
          assert.deepStrictEqual(yield* all(tape), numbered(0, length + 1))
        }
        yield* tape.repack({ force: true, targetBytes: 200 })
        assert.isTrue((yield* session.lib.verify()).ok)
        yield* session.close
        assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
      })
    )

    it.live("ends with LibClosed when its lib is closed, and leaves no file", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        const session = yield* openSession(storage, at)
        const tape = yield* fill(session.lib, "a", 4, 4)
        const { fiber } = yield* suspended(tape, { targetBytes: 100, compression: "gzip" })
        yield* session.close
        assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "LibClosed")
        assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            assert.isFalse(lib.report.recovered)
            assert.deepStrictEqual(yield* all(yield* existingTape(lib, "a")), numbered(0, 16))
          })
        )
      })
    )

    it.live("takes turns with another repack of the same tape", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        yield* withLib(storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 4, 4)
            const each = (["zstd", "gzip", "none"] as const).map((compression) =>
              tape.repack({ compression, force: true })
            )
            const reports = yield* Effect.all(each, { concurrency: "unbounded" })
            for (const { records } of reports) assert.strictEqual(records, 16)
            assert.deepStrictEqual(yield* all(tape), numbered(0, 16))
          })
        )
      })
    )

    eventsContract(ground, place)
  })
}

/** Forks a repack that waits in its first call of `onProgress`. */
const suspended = (tape: TapeService, options: Tape.RepackOptions) =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const gate = yield* Deferred.make<void>()
    const onProgress = () => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
    const fiber = yield* Effect.forkChild(tape.repack({ ...options, onProgress }))
    yield* Deferred.await(begun)
    return { fiber, goOn: Deferred.succeed(gate, undefined) }
  })

const events = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({ type: "Counted", data: { n: from + n, text: "x".repeat(700) } }))

type Events = Stream.Stream<EventStore.RecordedEvent, { readonly _tag: string }>

const openStore = (lib: LibService) => Effect.provideService(EventStore.make, Lib.Lib, lib)

const eventsContract = (ground: TransformKind["ground"], place: TransformKind["place"]): void => {
  it.live("keeps streams and positions of a tape of events, also for reads that are under way", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* withLib(storage, place(), (lib) =>
        Effect.gen(function* () {
          const store = yield* openStore(lib)
          for (let round = 0; round < 5; round++) {
            for (const stream of ["order-1", "order-2"]) {
              yield* store.append(stream, events(round * 300, (round + 1) * 300))
            }
            yield* Effect.flatMap(existingTape(lib, "order"), (tape) => tape.appendSegment)
          }
          const tape = yield* existingTape(lib, "order")
          const whole = yield* Stream.runCollect(store.readAll())
          const one = yield* Stream.runCollect(store.read("order-1"))
          const direction = "backward"
          const streams: ReadonlyArray<readonly [Events, ReadonlyArray<EventStore.RecordedEvent>]> = [
            [store.readAll(), whole],
            [store.readAll({ direction }), whole.toReversed()],
            [store.read("order-1"), one],
            [store.read("order-1", { direction }), one.toReversed()]
          ]
          for (const compression of ["zstd", "none"] as const) {
            for (const [stream, expected] of streams) {
              const seen: Array<EventStore.RecordedEvent> = []
              const options = { compression, dedup: true, targetBytes: 90_000, force: true }
              yield* Stream.runForEachArray(stream, (chunk) => {
                const isFirst = seen.length === 0
                seen.push(...chunk)
                return isFirst ? tape.repack(options) : Effect.void
              })
              assert.deepStrictEqual(seen, [...expected])
              assert.deepStrictEqual(yield* Stream.runCollect(stream), [...expected])
            }
          }
          const { lastRevision } = yield* store.append("order-1", events(0, 1), { expected: 1499 })
          assert.strictEqual(lastRevision, 1500)
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )
}
