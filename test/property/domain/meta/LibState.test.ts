import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as LibFold from "../../../../src/domain/meta/LibFold.ts"
import * as LibRefold from "../../../../src/domain/meta/LibRefold.ts"
import type * as LibState from "../../../../src/domain/meta/LibState.ts"
import * as MetaChain from "../../../../src/domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../../../src/domain/meta/SystemRecord.ts"
import { runs } from "../../../support/runs.ts"
import { anchor, created, epoch, libMeta, libTape, uuid } from "../../../support/systemRecords.ts"
import { thrownTag } from "../../../support/thrownTag.ts"

type Record = Unchained<LibRecord>

/** Folds records through bytes, as opening a lib does. */
const fold = (...records: ReadonlyArray<Record>): LibState.LibState => {
  const { bytes } = MetaChain.write<LibRecord>(null, records)
  return LibFold.fold("litelib.meta.jsonl", MetaChain.readLib("litelib.meta.jsonl", bytes).records)
}

const refusalOf = (...records: ReadonlyArray<Record>): string | undefined => thrownTag(() => fold(...records))

const dynamic = (n: number): Record => ({ $type: "LiteLib.Dynamic", dynamic: n })
const closed = (n: number, batch: number): Record => ({ $type: "LiteLib.Closed", dynamic: n, anchor: anchor(batch) })
const clean = (batch: number): Record => ({ $type: "LiteLib.Clean", anchor: anchor(batch) })

describe("lib meta, folded", () => {
  it("follows a lib through its life", () => {
    const born = fold(libMeta)
    assert.deepInclude(born, { lib: uuid(1), created, epoch: 0, highest: 0, upto: 0, live: [], records: 1 })
    assert.deepStrictEqual(born.anchor.batch, 0)

    const life: ReadonlyArray<Record> = [
      libMeta,
      epoch(1, 1),
      libTape(1),
      libTape(2, { role: "events" }),
      dynamic(2),
      closed(1, 10),
      libTape(1, { state: "archived" }),
      dynamic(3)
    ]
    const working = fold(...life)
    assert.deepStrictEqual(working.live, [
      { dynamic: 2, limit: undefined },
      { dynamic: 3, limit: undefined }
    ])
    assert.deepInclude(working, { epoch: 1, highest: 3, anchor: anchor(10) })
    assert.strictEqual(working.tapes.get("tape-1")?.state, "archived")
    assert.strictEqual(working.roles.get(uuid(2)), "events")

    const taken = fold(
      ...life,
      epoch(
        2,
        4,
        15,
        [
          [2, 12],
          [3, 14]
        ],
        anchor(10)
      )
    )
    assert.deepStrictEqual(taken.live, [
      { dynamic: 2, limit: 12 },
      { dynamic: 3, limit: 14 },
      { dynamic: 4, limit: undefined }
    ])
    assert.deepInclude(taken, { epoch: 2, upto: 15, highest: 4 })
    const ended = fold(...life, clean(20))
    assert.deepInclude(ended, { anchor: anchor(20), live: [], epoch: 1, highest: 3 })
  })

  it("begins with exactly one LiteLib.Meta", () => {
    assert.strictEqual(refusalOf(epoch(1, 1)), "MetaInvalid")
    assert.strictEqual(refusalOf(libMeta, libMeta), "MetaInvalid")
    assert.throws(() => LibFold.fold("litelib.meta.jsonl", []))
  })

  it("refuses an epoch that is not higher than the one before", () => {
    assert.strictEqual(refusalOf(libMeta, epoch(2, 1), epoch(2, 2)), "EpochRegression")
    assert.strictEqual(refusalOf(libMeta, epoch(2, 1), epoch(1, 2)), "EpochRegression")
    assert.isUndefined(refusalOf(libMeta, epoch(1, 1), epoch(2, 2)))
  })

  it("refuses tapes without any epoch, since the end of the commits is then unknown", () => {
    assert.strictEqual(refusalOf(libMeta, libTape(1)), "MetaInvalid")
    assert.isUndefined(refusalOf(libMeta, libTape(1), epoch(1, 1)))
  })

  it("refuses a dynamic segment whose number was listed before, and one before the first epoch", () => {
    assert.strictEqual(refusalOf(libMeta, epoch(1, 3), dynamic(3)), "MetaInvalid")
    assert.strictEqual(refusalOf(libMeta, epoch(1, 3), dynamic(2)), "MetaInvalid")
    assert.strictEqual(refusalOf(libMeta, epoch(1, 3), dynamic(4), closed(3, 1), dynamic(3)), "MetaInvalid")
    assert.strictEqual(refusalOf(libMeta, epoch(1, 3), epoch(2, 3)), "MetaInvalid")
    assert.strictEqual(refusalOf(libMeta, dynamic(1)), "MetaInvalid")
  })

  it("refuses a close out of order, and an anchor that goes back", () => {
    const two = [libMeta, epoch(1, 1), dynamic(2), dynamic(3)] as const
    assert.strictEqual(refusalOf(...two, closed(2, 4)), "MetaInvalid")
    assert.strictEqual(refusalOf(...two, closed(1, 4), closed(1, 5)), "MetaInvalid")
    assert.strictEqual(refusalOf(...two, closed(1, 4), closed(2, 3)), "MetaInvalid")
    assert.strictEqual(refusalOf(...two, closed(1, 4), clean(3)), "MetaInvalid")
    assert.isUndefined(refusalOf(...two, closed(1, 4), closed(2, 4), clean(4)))
  })

  it("refuses old dynamic segments and limits that are not in order", () => {
    const bad: ReadonlyArray<ReadonlyArray<[number, number]>> = [
      [
        [2, 1],
        [1, 2]
      ],
      [
        [1, 2],
        [2, 1]
      ],
      [
        [1, 1],
        [1, 2]
      ],
      [[5, 1]],
      [[1, 9]]
    ]
    for (const old of bad) assert.strictEqual(refusalOf(libMeta, epoch(1, 5, 9, old)), "MetaInvalid")
    assert.isUndefined(
      refusalOf(
        libMeta,
        epoch(1, 5, 9, [
          [1, 1],
          [2, 8]
        ])
      )
    )
    assert.strictEqual(refusalOf(libMeta, epoch(1, 5, 3, [], anchor(4))), "MetaInvalid")
  })

  it("refuses a second tape of a name, a second name of a tape, and a changed role", () => {
    const before = [libMeta, epoch(1, 1), libTape(1)] as const
    assert.strictEqual(refusalOf(...before, libTape(2, { name: "tape-1" })), "MetaInvalid")
    assert.strictEqual(refusalOf(...before, libTape(2, { name: "tape-1", replaces: uuid(3) })), "MetaInvalid")
    assert.strictEqual(refusalOf(...before, libTape(1, { name: "other" })), "MetaInvalid")
    assert.strictEqual(refusalOf(...before, libTape(1, { role: "events" })), "MetaInvalid")
    const replaced = fold(...before, libTape(2, { name: "tape-1", replaces: uuid(1) }))
    assert.strictEqual(replaced.tapes.get("tape-1")?.tape, uuid(2))
    assert.strictEqual(replaced.roles.get(uuid(1)), "records")
  })

  it("is frozen, so that a part of it that was returned cannot be changed", () => {
    const state = fold(libMeta, epoch(1, 1), libTape(1))
    assert.throws(() => Object.assign(state.tapes.get("tape-1")!, { state: "archived" }), TypeError)
    assert.throws(() => Object.assign(state.limits, { recordBytesMax: 1 }), TypeError)
    assert.throws(() => Object.assign(state.placement, { kind: "single" }), TypeError)
  })
})

/** Returns an act of a writer, chosen by numbers that are always valid. */
const act = (state: LibState.LibState, kind: number, n: number): Record | undefined => {
  const batch = state.anchor.batch + (n % 4)
  const oldest = state.live[0]
  const tape = n % 5
  if (kind === 0) return libTape(tape + 10, n % 2 === 0 ? {} : { state: "archived" })
  if (kind === 1) return dynamic(state.highest + 1 + (n % 2))
  if (kind === 2 && state.live.length > 1) return closed(oldest!.dynamic, Math.max(batch, oldest!.limit ?? 0))
  if (kind === 3) {
    const upto = Math.max(state.upto, batch) + 10
    const old = state.live.map((live, index): [number, number] => [
      live.dynamic,
      live.limit ?? upto - 9 + Math.min(index, 8)
    ])
    return epoch(state.epoch + 1, state.highest + 1, upto + 10, old, state.anchor)
  }
  return undefined
}

describe("lib meta, rewritten", () => {
  it("has the same content, whatever was written to it", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(20)), { maxLength: 30 }), (acts) => {
        let state = fold(libMeta, epoch(1, 1))
        for (const [kind, n] of acts) {
          const record = act(state, kind, n)
          if (record !== undefined) state = LibFold.after(state, record)
        }
        const again = fold(...LibRefold.refoldWithin(state))
        assert.deepStrictEqual(
          { ...again, records: 0 },
          { ...state, upto: Math.max(state.upto, state.anchor.batch), records: 0 }
        )
        assert.isAtMost(again.records, 2 + state.tapes.size + state.live.length)
      }),
      { numRuns: runs }
    )
  })

  it("is refused after a clean end, since only the next epoch contains the end of the commits", () => {
    const ended = fold(libMeta, epoch(1, 1), libTape(1), clean(5))
    assert.throws(() => LibRefold.refoldWithin(ended), /invariant/)
    const reopened = fold(...LibRefold.refold(ended), epoch(2, 2, 5, [], ended.anchor))
    assert.deepInclude(reopened, { anchor: anchor(5), epoch: 2, highest: 2 })
  })
})
