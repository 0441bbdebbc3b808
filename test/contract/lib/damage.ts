/**
 * Closed files that are damaged, missing or forged: errors name them, reads never return their content, and other files
 * still work.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SegmentCorrupt } from "litetapes/Errors"
import type { Root, StorageError } from "litetapes/Storage"
import type { JsonObject } from "litetapes/TaraSON"
import { flipped, segmentBytes } from "../../support/copyLib.ts"
import {
  existingTape,
  type Kind,
  type LibService,
  recordsOf,
  type StorageService,
  tagOf,
  tapeOf,
  withLib
} from "../../support/openLib.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

const records = Array.from({ length: 300 }, (_, n) => ({ n, text: `${n} `.repeat(300).slice(0, 900) }))
const firstSegment = "seg-000001.jsonl"

/** Writes and closes a lib with two segments of many blocks on `a` and one on `b`. */
const prepare = Effect.fnUntraced(function* (base: StorageService, location: string) {
  yield* withLib(base, location, (lib) =>
    Effect.gen(function* () {
      const a = yield* tapeOf(lib, "a")
      yield* a.append(records)
      yield* a.appendSegment
      yield* a.append(records)
      yield* a.setUserMeta("note", "kept")
      yield* (yield* tapeOf(lib, "b")).append([{ b: 1 }])
    })
  )
})

/** Changes stored files while the lib is closed. */
const tamper = <A, E>(base: StorageService, location: string, change: (root: Root) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(base.open(location, "write"), change))

const replaceSegment = (root: Root, change: (bytes: Uint8Array) => Uint8Array): Effect.Effect<void, StorageError> =>
  Effect.flatMap(segmentBytes(root, "a", firstSegment), (bytes) =>
    root.segments.write("a", firstSegment, (append) => append(change(bytes)))
  )

/** Returns the records that are read before an error, and that error. */
const readUntilError = (lib: LibService, reverse: boolean) =>
  Effect.gen(function* () {
    const seen: Array<JsonObject> = []
    const tape = yield* existingTape(lib, "a")
    const read = Stream.runForEach(tape.records({ reverse }), (record) => Effect.sync(() => seen.push(record)))
    const error = yield* Effect.flip(read)
    return { seen, error }
  })

const checkOthers = Effect.fnUntraced(function* (lib: LibService) {
  const a = yield* existingTape(lib, "a")
  assert.strictEqual((yield* a.verifySegment(2)).records, 300)
  assert.deepStrictEqual(yield* Stream.runCollect(a.records({ from: 300 })), records)
  assert.deepStrictEqual(yield* recordsOf(lib, "b"), [{ b: 1 }])
  assert.strictEqual((yield* a.append([{ more: 1 }])).firstOrdinal, 600)
  assert.deepStrictEqual(yield* Stream.runCollect(a.records({ from: 600 })), [{ more: 1 }])
})

export const segmentDamageContract = ({ storage, place }: Kind): void => {
  describe("a damaged segment", () => {
    for (const part of [0, 0.37, 0.999]) {
      it.live(`with a bit flipped at ${part} of its length is named with its offset and never returned`, () =>
        Effect.gen(function* () {
          const base = yield* storage
          const location = place()
          yield* prepare(base, location)
          const size = yield* tamper(base, location, (root) => root.segments.size("a", firstSegment))
          const at = Math.floor(part * size!)
          yield* tamper(base, location, (root) => replaceSegment(root, (bytes) => flipped(bytes, at, 4)))
          yield* withLib(base, location, (lib) =>
            Effect.gen(function* () {
              const forward = yield* readUntilError(lib, false)
              assert.deepStrictEqual(forward.seen, records.slice(0, forward.seen.length))
              const backward = yield* readUntilError(lib, true)
              const all = [...records, ...records].toReversed()
              assert.deepStrictEqual(backward.seen, all.slice(0, backward.seen.length))
              assert.isAtLeast(backward.seen.length, 300)
              const tape = yield* existingTape(lib, "a")
              const verified = yield* Effect.flip(tape.verifySegment(1))
              const inside = yield* Effect.flip(Stream.runDrain(tape.readSegment(1)))
              for (const error of [forward.error, backward.error, verified, inside]) {
                if (!(error instanceof SegmentCorrupt)) return assert.fail(error._tag)
                assert.deepInclude(error, { tape: "a", segment: firstSegment })
                assert.isAtMost(error.offset, at)
                assert.include(error.message, `a/${firstSegment}`)
              }
              yield* checkOthers(lib)
            })
          )
        })
      )
    }

    it.live("is corrupt also if its index is missing, and if it has become shorter or longer", () =>
      Effect.gen(function* () {
        const changes: ReadonlyArray<(bytes: Uint8Array) => Uint8Array> = [
          (bytes) => flipped(bytes, 100_000),
          (bytes) => bytes.subarray(0, bytes.length - 1),
          (bytes) => bytes.subarray(0, 100),
          (bytes) => Buffer.concat([bytes, Buffer.from('{"n":300}\n')])
        ]
        const base = yield* storage
        for (const change of changes) {
          const location = place()
          yield* prepare(base, location)
          yield* tamper(base, location, (root) =>
            Effect.andThen(replaceSegment(root, change), IndexFiles.remove(root.derived, "a", firstSegment))
          )
          yield* withLib(base, location, (lib) =>
            Effect.gen(function* () {
              const tape = yield* existingTape(lib, "a")
              assert.strictEqual(yield* tagOf(Stream.runDrain(tape.records())), "SegmentCorrupt")
              assert.strictEqual(yield* tagOf(tape.verifySegment(1)), "SegmentCorrupt")
              yield* checkOthers(lib)
            })
          )
        }
      })
    )

    it.live("that is missing fails reads with SegmentMissing", () =>
      Effect.gen(function* () {
        const base = yield* storage
        for (const index of ["kept", "gone"]) {
          const location = place()
          yield* prepare(base, location)
          yield* tamper(base, location, (root) =>
            Effect.andThen(
              root.segments.remove("a", firstSegment),
              index === "gone" ? IndexFiles.remove(root.derived, "a", firstSegment) : Effect.void
            )
          )
          yield* withLib(base, location, (lib) =>
            Effect.gen(function* () {
              const tape = yield* existingTape(lib, "a")
              const reads = [Stream.runDrain(tape.records()), Stream.runDrain(tape.records({ from: 299, to: 300 }))]
              for (const read of reads) assert.strictEqual(yield* tagOf(read), "SegmentMissing")
              assert.strictEqual(yield* tagOf(tape.verifySegment(1)), "SegmentMissing")
              yield* checkOthers(lib)
            })
          )
        }
      })
    )
  })
}

const typedMetaErrors = ["MetaCorrupt", "MetaInvalid", "UnsupportedFormat", "ForkDetected", "IdentityMismatch"]

export const metaDamageContract = ({ storage, place }: Kind): void => {
  describe("a damaged tape meta", () => {
    it.live("makes only its own tape unusable, and loses nothing once it is restored", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* prepare(base, location)
        const good = (yield* tamper(base, location, (root) => root.meta.read("a")))!
        const replace = (bytes: Uint8Array) =>
          tamper(base, location, (root) =>
            Effect.flatMap(root.meta.read("a"), (meta) => root.meta.replace("a", meta!.version, bytes))
          )
        for (let at = 0; at < good.bytes.length; at += 61) {
          yield* replace(flipped(good.bytes, at, at % 7))
          yield* withLib(base, location, (lib) =>
            Effect.gen(function* () {
              const tag = yield* tagOf(existingTape(lib, "a"))
              assert.include(typedMetaErrors, tag)
              assert.strictEqual(yield* tagOf(lib.commit([{ tape: "a", records: [{}] }])), tag)
              const both = ["b", "a"].map((tape) => ({ tape, records: [{ both: at }] }))
              assert.strictEqual(yield* tagOf(lib.commit(both)), tag)
              assert.deepStrictEqual(yield* recordsOf(lib, "b", { to: 1 }), [{ b: 1 }])
              yield* lib.commit([{ tape: "b", records: [{ at }] }])
              assert.deepStrictEqual(yield* recordsOf(lib, "b", { reverse: true, from: 1, to: 2 }), [{ at: 0 }])
            })
          )
        }
        yield* replace(flipped(good.bytes, 0))
        yield* withLib(
          base,
          location,
          (lib) =>
            Effect.gen(function* () {
              assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "MetaCorrupt")
              assert.deepStrictEqual(yield* recordsOf(lib, "b", { to: 1 }), [{ b: 1 }])
            }),
          { mode: "read" }
        )
        yield* replace(good.bytes)
        yield* withLib(base, location, checkAll)
      })
    )
  })
}

const checkAll = Effect.fnUntraced(function* (lib: LibService) {
  const a = yield* existingTape(lib, "a")
  assert.deepStrictEqual(yield* recordsOf(lib, "a"), [...records, ...records])
  assert.deepStrictEqual((yield* a.meta).userMeta, { note: "kept" })
})

export const indexDamageContract = ({ storage, place }: Kind): void => {
  describe("a damaged index", () => {
    it.live("is rebuilt from its segment, whatever the damage, and reads stay correct", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* prepare(base, location)
        const readIndex = (root: Root) =>
          Effect.gen(function* () {
            const size = yield* IndexFiles.size(root.derived, "a", firstSegment)
            return size === undefined
              ? undefined
              : (yield* IndexFiles.readRanges(root.derived, "a", firstSegment, [[0, size]]))[0]!
          })
        const good = (yield* tamper(base, location, readIndex))!
        const other = (yield* tamper(base, location, (root) =>
          Effect.flatMap(IndexFiles.size(root.derived, "a", "seg-000002.jsonl"), (size) =>
            IndexFiles.readRanges(root.derived, "a", "seg-000002.jsonl", [[0, size!]])
          )
        ))[0]!
        const damaged: Array<Uint8Array | undefined> = [
          undefined,
          new Uint8Array(),
          good.subarray(0, good.length - 1),
          other,
          Buffer.alloc(good.length)
        ]
        for (let at = 0; at < good.length; at += 149) damaged.push(flipped(good, at, at % 8))
        for (const bytes of damaged) {
          yield* tamper(base, location, (root) =>
            bytes === undefined
              ? IndexFiles.remove(root.derived, "a", firstSegment)
              : IndexFiles.write(root.derived, "a", firstSegment, bytes)
          )
          const readers = (lib: LibService) =>
            Effect.map(recordsOf(lib, "a", { from: 100, to: 200 }), (read) =>
              assert.deepStrictEqual(read, records.slice(100, 200))
            )
          yield* withLib(base, location, readers, { mode: "read" })
          yield* withLib(base, location, (lib) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* recordsOf(lib, "a"), [...records, ...records])
              assert.deepStrictEqual(
                yield* recordsOf(lib, "a", { reverse: true, to: 3 }),
                records.slice(0, 3).toReversed()
              )
            })
          )
          const rebuilt = yield* tamper(base, location, readIndex)
          assert.deepStrictEqual(Buffer.from(rebuilt!), Buffer.from(good))
        }
      })
    )
  })
}
