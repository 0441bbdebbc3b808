/** Readers while a writer repacks and closes: their files are removed, and their reads continue. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { existingTape, type LibService, tapeOf } from "../../support/openLib.ts"
import { all, fill, numbered, openSession, type TransformKind, withLib } from "../../support/transformGround.ts"

const store = (lib: LibService) => Effect.provideService(EventStore.make, Lib.Lib, lib)

const force = { compression: "zstd", targetBytes: 150_000, force: true } as const

export const readersContract = ({ ground, place }: TransformKind): void => {
  describe("a reader in another process", () => {
    for (const reverse of [false, true]) {
      it.live(`continues to read while the tape is repacked and its lib is closed${reverse ? ", backwards" : ""}`, () =>
        Effect.gen(function* () {
          const { storage } = yield* ground
          const at = place()
          const session = yield* openSession(storage, at)
          const tape = yield* fill(session.lib, "a", 4, 200, 1000)
          // These records are in no segment yet.
          for (let n = 800; n < 1600; n += 100) yield* tape.append(numbered(n, n + 100, 1000))
          yield* withLib(
            storage,
            at,
            (reader) =>
              Effect.gen(function* () {
                const read = yield* existingTape(reader, "a")
                const seen: Array<unknown> = []
                let chunks = 0
                yield* Stream.runForEachArray(read.records({ reverse }), (records) => {
                  seen.push(...records)
                  chunks += 1
                  return chunks === 3 ? session.close : chunks < 3 ? tape.repack(force) : Effect.void
                })
                assert.isAbove(chunks, 3)
                const expected = numbered(0, 1600, 1000)
                assert.deepStrictEqual(seen, reverse ? expected.toReversed() : [...expected])
              }),
            { mode: "read" }
          )
        })
      )
    }

    it.live("continues to read streams and positions while their tape is repacked and its lib is closed", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        for (const direction of ["forward", "backward"] as const) {
          for (const what of ["read", "readAll"] as const) {
            const category = `${what.toLowerCase()}${direction}`
            const stream = `${category}-1`
            const session = yield* openSession(storage, at)
            const writer = yield* store(session.lib)
            const event = (n: number) => ({ type: "Counted", data: { n, text: "x".repeat(600) } })
            for (let n = 0; n < 2400; n += 200) {
              yield* writer.append(
                stream,
                Array.from({ length: 200 }, (_, i) => event(n + i))
              )
            }
            const tape = yield* existingTape(session.lib, category)
            yield* tape.appendSegment
            yield* writer.append(stream, [event(2400)])
            yield* withLib(
              storage,
              at,
              (reader) =>
                Effect.gen(function* () {
                  const readers = yield* store(reader)
                  const events: Stream.Stream<EventStore.RecordedEvent, { readonly _tag: string }> =
                    what === "read"
                      ? readers.read(stream, { direction })
                      : readers.readAll({ direction, filter: { categories: [category] } })
                  const seen: Array<number> = []
                  let chunks = 0
                  yield* Stream.runForEachArray(events, (chunk) => {
                    for (const { revision } of chunk) seen.push(revision)
                    chunks += 1
                    return chunks === 2 ? session.close : chunks < 2 ? tape.repack(force) : Effect.void
                  })
                  assert.isAbove(chunks, 2)
                  const expected = Array.from({ length: 2401 }, (_, n) => n)
                  assert.deepStrictEqual(seen, direction === "backward" ? expected.toReversed() : expected)
                }),
              { mode: "read" }
            )
          }
        }
      })
    )

    it.live("takes heads, compares, verifies and clones its view, even after the files were replaced", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        const session = yield* openSession(storage, at)
        const target = yield* openSession(storage, place())
        const tape = yield* fill(session.lib, "a", 4, 50)
        yield* tape.append(numbered(200, 230))
        yield* (yield* tapeOf(session.lib, "other")).append([{ n: 1 }])
        for (const change of [Effect.void, tape.repack(force), session.close]) {
          yield* withLib(
            storage,
            at,
            (reader) =>
              Effect.gen(function* () {
                const seen = yield* existingTape(reader, "a")
                yield* change
                const report = yield* seen.verify()
                assert.deepStrictEqual(report.bad, [])
                assert.isTrue((yield* reader.verify({ depth: "files" })).ok)
                const { tapes } = target.lib
                const name = `clone-${(yield* tapes).length}`
                yield* seen.clone(target.lib, name)
                const clone = yield* existingTape(target.lib, name)
                assert.isTrue(yield* Tape.equivalent(seen, clone))
                assert.isUndefined(yield* Tape.diff(seen, clone))
                assert.deepStrictEqual(yield* all(clone), numbered(0, 230))
                assert.strictEqual((yield* seen.head).records, 230)
              }),
            { mode: "read" }
          )
        }
        assert.isTrue((yield* target.lib.verify()).ok)
        yield* target.close
      })
    )

    it.live("moves forward while a writer appends, flushes, repacks and verifies", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        const session = yield* openSession(storage, at, { closeBytes: 2000, backlogMax: 2 })
        const tape = yield* tapeOf(session.lib, "a")
        const write = Effect.gen(function* () {
          for (let n = 0; n < 40; n++) {
            yield* tape.append(numbered(n * 5, n * 5 + 5, 100))
            if (n % 7 === 3) yield* tape.repack({ targetBytes: 1500, compression: n % 2 === 0 ? "gzip" : "none" })
          }
        })
        const verify = Effect.gen(function* () {
          for (let n = 0; n < 10; n++) assert.deepStrictEqual((yield* session.lib.verify()).bad, [])
        })
        const look = withLib(
          storage,
          at,
          (reader) =>
            Effect.gen(function* () {
              const seen = yield* existingTape(reader, "a")
              let before = 0
              for (let n = 0; n < 15; n++) {
                yield* reader.refresh
                const records = yield* all(seen)
                assert.isAtLeast(records.length, before)
                assert.deepStrictEqual(records, [...numbered(0, records.length, 100)])
                before = records.length
                assert.deepStrictEqual((yield* reader.verify()).bad, [])
              }
            }),
          { mode: "read" }
        )
        yield* Effect.all([write, verify, look], { concurrency: "unbounded" })
        yield* session.close
      })
    )
  })
}
