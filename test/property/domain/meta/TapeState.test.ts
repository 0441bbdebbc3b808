import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as MetaChain from "../../../../src/domain/meta/MetaChain.ts"
import type { TapeRecord, Unchained } from "../../../../src/domain/meta/SystemRecord.ts"
import * as TapeState from "../../../../src/domain/meta/TapeState.ts"
import { runs } from "../../../support/runs.ts"
import { created, merkleOf, segment, tapeMeta, uuid } from "../../../support/systemRecords.ts"
import { thrownTag } from "../../../support/thrownTag.ts"

type Record = Unchained<TapeRecord>

/** Folds records through bytes, as loading a tape does. */
const fold = (...records: ReadonlyArray<Record>): TapeState.TapeState => {
  const { bytes } = MetaChain.write<TapeRecord>(null, records)
  return TapeState.fold("tape.meta.jsonl", MetaChain.readTape("tape.meta.jsonl", bytes).records)
}

const refusalOf = (...records: ReadonlyArray<Record>): string | undefined => thrownTag(() => fold(...records))

const set = (key: string, value: unknown): Record => ({ $type: "LiteTape.UserMeta", key, value })
const removed = (key: string): Record => ({ $type: "LiteTape.UserMeta", key, removed: true })

describe("tape meta, folded", () => {
  it("follows a tape through its life", () => {
    const born = fold(tapeMeta)
    assert.deepInclude(born, { tape: uuid(2), lib: uuid(1), created, lastBatch: 3, segments: [], records: 0 })
    assert.strictEqual(born.nextNumber, 1)
    const state = fold(tapeMeta, segment(1, 0, 2), set("owner", "Ada"), segment(4, 2, 3), set("owner", "Bob"))
    assert.deepInclude(state, { records: 5, nextNumber: 5, lastBatch: 7, lines: 5 })
    assert.deepStrictEqual(
      state.segments.map(({ number, firstOrdinal }) => [number, firstOrdinal]),
      [
        [1, 0],
        [4, 2]
      ]
    )
    assert.deepStrictEqual([...state.userMeta], [["owner", "Bob"]])
    assert.strictEqual(fold(tapeMeta, set("owner", 1), removed("owner"), removed("nothing")).userMeta.size, 0)
  })

  it("begins with exactly one LiteTape.Meta", () => {
    assert.strictEqual(refusalOf(segment(1, 0, 1)), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, tapeMeta), "MetaInvalid")
  })

  it("refuses twins, gaps, overlaps and numbers that go back", () => {
    const first = segment(2, 0, 3)
    assert.strictEqual(refusalOf(tapeMeta, first, segment(2, 3, 1)), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, first, segment(1, 3, 1, { lastBatch: 9 })), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, first, segment(3, 4, 1)), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, first, segment(3, 2, 2)), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, segment(1, 1, 1)), "MetaInvalid")
    assert.isUndefined(refusalOf(tapeMeta, first, segment(3, 3, 1)))
  })

  it("refuses a Merkle state of another size, and a last batch that goes back", () => {
    assert.strictEqual(refusalOf(tapeMeta, segment(1, 0, 2, { merkle: merkleOf(3) })), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, segment(1, 0, 2, { lastBatch: 2 })), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, segment(1, 0, 2), segment(2, 2, 1, { lastBatch: 3 })), "MetaInvalid")
  })

  it("refuses a segment's name that does not fit its number", () => {
    const names = ["seg-000002.jsonl", "seg-1.jsonl", "../seg-000001.jsonl", "/etc/passwd", "seg-000001.jsonl.zst", ""]
    for (const name of names) {
      assert.strictEqual(refusalOf(tapeMeta, segment(1, 0, 1, { name })), "InvalidSegmentName")
    }
  })

  it("refuses a user value that is both set and removed, or neither", () => {
    assert.strictEqual(
      refusalOf(tapeMeta, { $type: "LiteTape.UserMeta", key: "a", value: 1, removed: true }),
      "MetaInvalid"
    )
    assert.strictEqual(refusalOf(tapeMeta, { $type: "LiteTape.UserMeta", key: "a" }), "MetaInvalid")
    assert.strictEqual(refusalOf(tapeMeta, set("", 1)), "MetaInvalid")
  })

  it("is frozen, so that a part of it that was returned cannot be changed", () => {
    const state = fold(tapeMeta, segment(1, 0, 2), set("tags", ["a"]))
    const grown = TapeState.after(state, segment(2, 2, 1))
    for (const { segments } of [state, grown]) {
      assert.throws(() => (segments as Array<unknown>).push(1), TypeError)
      assert.throws(() => Object.assign(segments.at(-1)!, { records: 0 }), TypeError)
      assert.throws(() => Object.assign(segments.at(-1)!.merkle, { size: 0 }), TypeError)
    }
    assert.throws(() => (state.userMeta.get("tags") as Array<string>).push("b"), TypeError)
    assert.throws(() => Object.assign(state.origin, { kind: "cloned" }), TypeError)
    assert.strictEqual(state.segments.length, 1)
  })
})

describe("tape meta, rewritten", () => {
  it("has the same content in as few lines as possible, whatever was written to it", () => {
    const acts = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 4 })), { maxLength: 30 })
    fc.assert(
      fc.property(acts, (changes) => {
        let state = fold(tapeMeta)
        for (const [kind, n] of changes) {
          const number = state.nextNumber + n - 1
          const lastBatch = state.lastBatch + n - 1
          if (kind === 0) state = TapeState.after(state, segment(number, state.records, n, { lastBatch }))
          else state = TapeState.after(state, kind === 1 ? set(`key-${n}`, { n }) : removed(`key-${n}`))
        }
        assert.strictEqual(state.lines, 1 + changes.length)
        const records = TapeState.refold(state)
        assert.strictEqual(records.length, 1 + state.segments.length + state.userMeta.size)
        assert.deepStrictEqual(fold(...records), { ...state, lines: records.length })
        assert.isFalse(TapeState.isWorn(fold(...records)))
      }),
      { numRuns: runs }
    )
  })

  it("is due once most of its lines are obsolete", () => {
    let state = fold(tapeMeta, segment(1, 0, 2))
    let changes = 0
    while (!TapeState.isWorn(state)) {
      state = TapeState.after(state, set("key", (changes += 1)))
      assert.isBelow(changes, 100)
    }
    assert.isAbove(state.lines, 2 * TapeState.refold(state).length)
  })
})
