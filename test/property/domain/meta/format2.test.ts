/** What format 2 adds to metas (docs/decisions/0033-format-2.md). */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as BackupMetas from "../../../../src/domain/meta/BackupMetas.ts"
import * as LibFold from "../../../../src/domain/meta/LibFold.ts"
import * as LibRefold from "../../../../src/domain/meta/LibRefold.ts"
import * as LibState from "../../../../src/domain/meta/LibState.ts"
import * as MetaChain from "../../../../src/domain/meta/MetaChain.ts"
import type { LibRecord, TapeRecord, Unchained } from "../../../../src/domain/meta/SystemRecord.ts"
import * as TapeState from "../../../../src/domain/meta/TapeState.ts"
import { runs } from "../../../support/runs.ts"
import { anchor, created, epoch, libMeta, libTape, segment, tapeMeta, uuid } from "../../../support/systemRecords.ts"

const foldLib = (records: ReadonlyArray<Unchained<LibRecord>>): LibState.LibState => {
  const { bytes } = MetaChain.write<LibRecord>(null, records)
  return LibFold.fold("litelib.meta.jsonl", MetaChain.readLib("litelib.meta.jsonl", bytes).records)
}

const foldTape = (records: ReadonlyArray<Unchained<TapeRecord>>): TapeState.TapeState => {
  const { bytes } = MetaChain.writeTape(records)
  return TapeState.fold("tape.meta.jsonl", MetaChain.readTape("tape.meta.jsonl", bytes).records)
}

const refuses = (fold: () => unknown, why: RegExp): void => {
  try {
    fold()
  } catch (error) {
    assert.strictEqual((error as { readonly _tag: string })._tag, "MetaInvalid")
    assert.match((error as Error).message, why)
    return
  }
  assert.fail(`not refused: ${why}`)
}

const meta2 = { ...libMeta, format: 2 }
const lineage = (n: number, from: number, batch: number): Unchained<LibRecord> => ({
  $type: "LiteLib.Lineage",
  anchor: anchor(batch),
  from: uuid(from),
  lineage: uuid(n),
  time: created
})
const mark = (batch: number): LibState.BackupMark => ({ anchor: anchor(batch), tapes: [[uuid(3), 5]], time: created })

/** Anchors of restores, in order: each is of a batch at or after the one before. */
const batches = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 6 }).map((steps) => {
  let batch = 0
  return steps.map((step) => (batch += step))
})

describe("lineages", () => {
  it("a place is in the history of a lib exactly if no restore left its lineage before it", () => {
    fc.assert(
      fc.property(batches, fc.nat(6), fc.nat(120), (anchors, which, position) => {
        const state = foldLib([libMetaFor(anchors), ...branches(anchors), epoch(1, 1)])
        const id = which === 0 ? uuid(1) : uuid(100 + which)
        const end = LibState.endOfLineage(state, id)
        if (which > anchors.length) return assert.isUndefined(end)
        const isCurrent = which === anchors.length
        assert.strictEqual(LibState.lineageOf(state) === id, isCurrent)
        const contained = isCurrent || position < 2 * anchors[which]!
        assert.strictEqual(position < end!, contained)
      }),
      { numRuns: runs * 2 }
    )
  })

  it("survive every rewrite of lib meta, and keep its format", () => {
    fc.assert(
      fc.property(batches, (anchors) => {
        const state = foldLib([libMetaFor(anchors), ...branches(anchors), epoch(1, 1)])
        const again = foldLib(LibRefold.refoldWithin(state) as ReadonlyArray<Unchained<LibRecord>>)
        assert.deepStrictEqual(again.branches, state.branches)
        assert.strictEqual(LibState.formatOf(again), anchors.length === 0 ? 1 : 2)
      }),
      { numRuns: runs }
    )
  })

  it("are refused out of order, twice, after an epoch, and in format 1", () => {
    refuses(
      () => foldLib([libMeta, lineage(101, 1, 2), epoch(1, 1)]),
      /format 1, but something in it needs a later one/
    )
    refuses(() => foldLib([meta2, lineage(101, 7, 2)]), /does not branch from the one before it/)
    refuses(() => foldLib([meta2, lineage(101, 1, 2), lineage(101, 101, 3)]), /begins twice/)
    refuses(() => foldLib([meta2, lineage(1, 1, 2)]), /begins twice/)
    refuses(() => foldLib([meta2, lineage(101, 1, 2), lineage(102, 101, 1)]), /before the lineage that it names/)
    refuses(() => foldLib([meta2, epoch(1, 1), lineage(101, 1, 2)]), /after an epoch/)
  })
})

const libMetaFor = (anchors: ReadonlyArray<number>) => (anchors.length === 0 ? libMeta : meta2)
const branches = (anchors: ReadonlyArray<number>) =>
  anchors.map((batch, n) => lineage(101 + n, n === 0 ? 1 : 100 + n, batch))

describe("the mark of a backup", () => {
  it("is the last line of what a backup writes", () => {
    const state = foldLib([meta2, libTape(3), epoch(4, 7), { $type: "LiteLib.Clean", anchor: anchor(9) }])
    const records = BackupMetas.refoldBackup({ ...state, anchor: anchor(9) }, mark(9))
    const folded = foldLib(records)
    assert.deepStrictEqual(folded.backup, mark(9))
    assert.deepInclude(folded, { epoch: 4, highest: 7, live: [], anchor: anchor(9) })
    refuses(() => foldLib([...records, epoch(5, 8, 9)]), /follows LiteLib\.Backup/)
    refuses(() => foldLib([libMeta, ...records.slice(1)]), /format 1, but something in it needs a later one/)
  })

  it("is refused together with dynamic segments, and of another batch", () => {
    const backup = (batch: number): Unchained<LibRecord> => ({ $type: "LiteLib.Backup", ...mark(batch) })
    refuses(() => foldLib([meta2, libTape(3), epoch(1, 1), backup(0)]), /has dynamic segments/)
    const clean: Unchained<LibRecord> = { $type: "LiteLib.Clean", anchor: anchor(2) }
    refuses(() => foldLib([meta2, libTape(3), epoch(1, 1), clean, backup(3)]), /another batch than lib meta/)
  })
})

const lost = (ordinal: number, more: object = {}): Unchained<TapeRecord> => ({
  $type: "LiteTape.Lost",
  ordinal,
  positions: [4, 9],
  records: 3,
  segment: "seg-000002.jsonl",
  streams: [["order-1", 2, 3]],
  time: created,
  ...more
})

describe("lost records", () => {
  const events = { ...tapeMeta, format: 2, role: "events" as const }
  const segments = [segment(1, 0, 2), segment(4, 2, 3)]

  it("survive every rewrite of tape meta, accepted or not", () => {
    const state = foldTape([events, ...segments, lost(1, { segment: "seg-000001.jsonl" }), lost(2)])
    assert.deepStrictEqual(
      state.lost.map(({ ordinal, accepted }) => [ordinal, accepted]),
      [
        [1, undefined],
        [2, undefined]
      ]
    )
    const more = TapeState.after(state, lost(2, { accepted: true, records: null, unnamed: [["0123456789abcd", 0, 1]] }))
    assert.deepStrictEqual(
      more.lost.map(({ ordinal, accepted: is }) => [ordinal, is]),
      [
        [1, undefined],
        [2, undefined],
        [2, true]
      ]
    )
    assert.deepStrictEqual(foldTape(TapeState.refold(more)).lost, more.lost)
  })

  it("are refused in format 1, out of order, after the end, and with positions on a tape of records", () => {
    refuses(() => foldTape([{ ...events, format: 1 }, ...segments, lost(2)]), /format 1, but something/)
    refuses(() => foldTape([events, ...segments, lost(2), lost(1)]), /out of order/)
    refuses(() => foldTape([events, ...segments, lost(6)]), /after the end/)
    refuses(() => foldTape([events, ...segments, lost(2, { positions: [9, 4] })]), /end before they begin/)
    refuses(() => foldTape([events, ...segments, lost(2, { positions: null })]), /without their positions/)
    const unnamed = [["0123456789abcd", 0, 1]]
    refuses(() => foldTape([events, ...segments, lost(2, { streams: null, unnamed })]), /not known which streams/)
    const records = { ...tapeMeta, format: 2 }
    refuses(() => foldTape([records, ...segments, lost(2)]), /on a tape of records/)
    assert.lengthOf(foldTape([records, ...segments, lost(2, { positions: null, streams: null })]).lost, 1)
  })
})
