/** Lib meta and tape meta as they are written, for tests that read them. */
import type { Anchor, LibRecord, Segment, TapeRecord, Unchained } from "../../src/domain/meta/SystemRecord.ts"
import { defaultLimits } from "../../src/domain/format/Limits.ts"
import * as Merkle from "../../src/domain/merkle/Merkle.ts"
import { segmentName } from "../../src/domain/format/Names.ts"
import * as TaraSON from "../../src/domain/json/TaraSON.ts"

/** Returns the n-th id. */
export const uuid = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`

/** Returns the n-th hash. */
export const hex = (n: number): string => n.toString(16).padStart(64, "0")

/** Returns the canonical line of a meta record, without its newline and with the `hash` that fits its other fields. */
export const sealed = (record: object): string => {
  const { hash: _, ...unsealed } = record as { readonly hash?: string }
  const hash = TaraSON.recordId(TaraSON.encodeSystem(unsealed)).slice("sha256:".length)
  return TaraSON.encodeSystem({ ...unsealed, hash })
}

export const created = "2026-01-02T03:04:05.678Z"

export const libMeta: Extract<Unchained<LibRecord>, { $type: "LiteLib.Meta" }> = {
  $type: "LiteLib.Meta",
  created,
  format: 1,
  lib: uuid(1),
  limits: defaultLimits,
  placement: { kind: "category" }
}

export const anchor = (batch: number): Anchor => ({ batch, hash: hex(batch), position: 2 * batch })

export const libTape = (
  n: number,
  more: Partial<Extract<Unchained<LibRecord>, { $type: "LiteLib.Tape" }>> = {}
): Extract<Unchained<LibRecord>, { $type: "LiteLib.Tape" }> => ({
  $type: "LiteLib.Tape",
  name: `tape-${n}`,
  role: "records",
  state: "active",
  tape: uuid(n),
  ...more
})

export const epoch = (
  number: number,
  dynamic: number,
  upto = 0,
  old: ReadonlyArray<[number, number]> = [],
  from: Anchor = { batch: 0, hash: hex(0), position: 0 }
): Extract<Unchained<LibRecord>, { $type: "LiteLib.Epoch" }> => ({
  $type: "LiteLib.Epoch",
  anchor: from,
  dynamic,
  epoch: number,
  old,
  upto
})

export const tapeMeta: Extract<Unchained<TapeRecord>, { $type: "LiteTape.Meta" }> = {
  $type: "LiteTape.Meta",
  created,
  format: 1,
  lastBatch: 3,
  lib: uuid(1),
  origin: { kind: "created" },
  role: "records",
  tape: uuid(2)
}

/** Returns the state of a tree of `size` equal leaves. */
export const merkleOf = (size: number): Merkle.State => {
  const tree = new Merkle.Accumulator()
  for (let n = 0; n < size; n++) tree.addLeafHash(hex(7))
  return tree.state()
}

/** Returns segment `number` with `records` records from `firstOrdinal` on. */
export const segment = (
  number: number,
  firstOrdinal: number,
  records: number,
  more: Partial<Segment> = {}
): Extract<Unchained<TapeRecord>, { $type: "LiteTape.Segment" }> => ({
  $type: "LiteTape.Segment",
  bytes: 10 * records,
  compression: "none",
  firstOrdinal,
  lastBatch: 3 + number,
  merkle: merkleOf(firstOrdinal + records),
  name: segmentName({ number, compression: "none", shardEvery: 0 }),
  number,
  rawBytes: 10 * records,
  records,
  sha256: hex(number),
  state: "closed",
  ...more
})
