/**
 * System records: the records of a lib and of a tape about themselves, in the same language as user records.
 * docs/FORMAT.md has tables of their fields.
 */
import * as Schema from "effect/Schema"
import { Placement } from "../format/Placement.ts"

/** Largest number in a lib or a tape: counting up from it, or adding two of them, stays among the exact integers. */
const countMax = 2 ** 52

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: countMax }))
const Positive = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: countMax }))
const Hex64 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
const RecordId = Schema.String.check(Schema.isPattern(/^sha256:[0-9a-f]{64}$/))
const Uuid = Schema.String.check(Schema.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/))
const Time = Schema.String.check(Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/))

/**
 * Every record of a meta names the one before it, by the record id of its line (null for the first), and seals itself:
 * `hash` is the SHA-256 of its canonical form without `hash`. So the last line, which no line names, proves itself too.
 */
const chained = { hash: Hex64, previous: Schema.NullOr(RecordId) }

/** A point in a chain of commits: the last batch, the next event position, the hash of that batch's mark. */
export const Anchor = Schema.Struct({ batch: Count, hash: Hex64, position: Count })
export type Anchor = typeof Anchor.Type

/** The hash before the first batch of a lib. */
export const noHash = "0".repeat(64)

/** The anchor of a lib without commits. */
export const origin: Anchor = { batch: 0, hash: noHash, position: 0 }

/** The limits of a lib, as its meta contains them. */
export const LimitsRecord = Schema.Struct({
  batchBytesMax: Positive,
  depthMax: Positive,
  metaBytesMax: Positive,
  recordBytesMax: Positive
})

/** The role of a tape. `records`: anyone with the lib may append. `events`: only the event store may. */
export const Role = Schema.Literals(["records", "events"])
export type Role = typeof Role.Type

export const LibMeta = Schema.Struct({
  $type: Schema.Literal("LiteLib.Meta"),
  created: Time,
  format: Positive,
  lib: Uuid,
  limits: LimitsRecord,
  placement: Placement,
  ...chained
})
export const LibTape = Schema.Struct({
  $type: Schema.Literal("LiteLib.Tape"),
  name: Schema.String,
  replaces: Schema.optionalKey(Uuid),
  role: Role,
  state: Schema.Literals(["active", "archived"]),
  tape: Uuid,
  ...chained
})
export const LibEpoch = Schema.Struct({
  $type: Schema.Literal("LiteLib.Epoch"),
  anchor: Anchor,
  dynamic: Positive,
  epoch: Positive,
  old: Schema.Array(Schema.Tuple([Positive, Count])),
  upto: Count,
  ...chained
})
export const LibDynamic = Schema.Struct({
  $type: Schema.Literal("LiteLib.Dynamic"),
  dynamic: Positive,
  ...chained
})
export const LibClosed = Schema.Struct({
  $type: Schema.Literal("LiteLib.Closed"),
  anchor: Anchor,
  dynamic: Positive,
  ...chained
})
export const LibClean = Schema.Struct({ $type: Schema.Literal("LiteLib.Clean"), anchor: Anchor, ...chained })

/** Format 2: the lib was restored: after `anchor` it is a new lineage. */
export const LibLineage = Schema.Struct({
  $type: Schema.Literal("LiteLib.Lineage"),
  anchor: Anchor,
  from: Uuid,
  lineage: Uuid,
  time: Time,
  ...chained
})

/** Format 2: the lib is a backup of the state at `anchor`, in which each tape had this many records. */
export const LibBackup = Schema.Struct({
  $type: Schema.Literal("LiteLib.Backup"),
  anchor: Anchor,
  tapes: Schema.Array(Schema.Tuple([Uuid, Count])),
  time: Time,
  ...chained
})

/** Format 2: the lib is being made, and is not whole. The record is gone once it is. */
export const LibUnfinished = Schema.Struct({ $type: Schema.Literal("LiteLib.Unfinished"), from: Uuid, ...chained })

/** The first line of a dynamic segment. */
export const DynamicHeader = Schema.Struct({
  $type: Schema.Literal("LiteLib.Header"),
  dynamic: Positive,
  epoch: Positive,
  lib: Uuid
})
export type DynamicHeader = typeof DynamicHeader.Type

/** The last line of a batch in a dynamic segment. */
export const Commit = Schema.Struct({
  $type: Schema.Literal("LiteLib.Commit"),
  batch: Positive,
  hash: Hex64,
  parts: Schema.NonEmptyArray(Schema.Tuple([Uuid, Count, Positive])),
  position: Count,
  previous: Hex64
})
export type Commit = typeof Commit.Type

export const TapeMeta = Schema.Struct({
  $type: Schema.Literal("LiteTape.Meta"),
  created: Time,
  /** The last line is a LiteTape.End. Absent in meta of early versions, where lines lost at the end go unnoticed. */
  ended: Schema.optionalKey(Schema.Literal(true)),
  format: Positive,
  /** Batches up to this one do not belong to the tape, even if they have records of it. */
  lastBatch: Count,
  lib: Uuid,
  /** Segment numbers below this one are taken, though no segment has them: by files that recovery could not use. */
  nextNumber: Schema.optionalKey(Positive),
  origin: Schema.Union([
    Schema.Struct({ kind: Schema.Literal("created") }),
    Schema.Struct({ kind: Schema.Literal("cloned"), lib: Uuid, records: Count, root: Hex64, tape: Uuid }),
    Schema.Struct({ kind: Schema.Literal("recovered"), tape: Schema.NullOr(Uuid) })
  ]),
  /** The same as in lib meta, so that a lib that lost its meta can be recovered without guessing. */
  role: Role,
  tape: Uuid,
  ...chained
})
export const MerkleState = Schema.Struct({ peaks: Schema.Array(Hex64), size: Count })
export const Compression = Schema.Literals(["none", "gzip", "zstd"])
export const TapeSegment = Schema.Struct({
  $type: Schema.Literal("LiteTape.Segment"),
  bytes: Positive,
  compression: Compression,
  firstOrdinal: Count,
  lastBatch: Count,
  merkle: MerkleState,
  name: Schema.String,
  number: Positive,
  rawBytes: Positive,
  records: Positive,
  /** Number of its lines that are LiteTape.Same; absent for none. */
  same: Schema.optionalKey(Positive),
  sha256: Hex64,
  /** Number of segments in a shard folder; absent if the segment is in the tape's own folder. */
  shardEvery: Schema.optionalKey(Positive),
  state: Schema.Literal("closed"),
  ...chained
})
/** One closed segment, as tape meta lists it. */
export type Segment = Omit<typeof TapeSegment.Type, "$type" | "hash" | "previous">

export const TapeUserMeta = Schema.Struct({
  $type: Schema.Literal("LiteTape.UserMeta"),
  key: Schema.NonEmptyString,
  removed: Schema.optionalKey(Schema.Literal(true)),
  value: Schema.optionalKey(Schema.Unknown),
  ...chained
})

/** Records the last repack: some of the segments listed before this record were made from others. */
export const TapeRepack = Schema.Struct({
  $type: Schema.Literal("LiteTape.Repack"),
  added: Schema.Tuple([Positive, Positive]),
  records: Positive,
  removed: Schema.Tuple([Positive, Positive]),
  /** RFC 9162 tree hash of the first `records` records, which is the same before and after the repack. */
  root: Hex64,
  why: Schema.String,
  ...chained
})
/** A repack: the numbers of the first and the last segment that it removed, and of those that it added. */
export type Repacked = Omit<typeof TapeRepack.Type, "$type" | "hash" | "previous">

/** Streams that are lost, each with its first lost revision and how many. */
const LostStreams = Schema.Array(Schema.Tuple([Schema.String, Count, Positive]))

/** Format 2: records that came before the one with this ordinal are lost, or may be. */
export const TapeLost = Schema.Struct({
  $type: Schema.Literal("LiteTape.Lost"),
  /** The caller accepted the loss: reads continue after it, and appends check revisions again. */
  accepted: Schema.optionalKey(Schema.Literal(true)),
  ordinal: Count,
  /** First position that may be lost, and the next one after the loss. Null on a tape of records. */
  positions: Schema.NullOr(Schema.Tuple([Count, Count])),
  /** Null if nobody knows how many, perhaps none. */
  records: Schema.NullOr(Positive),
  segment: Schema.String,
  /** Null if no index knew them. */
  streams: Schema.NullOr(LostStreams),
  time: Time,
  /** Streams of which only the hash is known, as 14 hexadecimal digits. Absent without such streams. */
  unnamed: Schema.optionalKey(
    Schema.Array(Schema.Tuple([Schema.String.check(Schema.isPattern(/^[0-9a-f]{14}$/)), Count, Positive]))
  ),
  ...chained
})
/** Records that are lost, as tape meta lists them. */
export type Lost = Omit<typeof TapeLost.Type, "$type" | "hash" | "previous">

/** The last line. Whatever is cut off the end of a meta, even whole lines, takes this one with it. */
export const TapeEnd = Schema.Struct({ $type: Schema.Literal("LiteTape.End"), ...chained })
export type TapeEnd = typeof TapeEnd.Type

/** Records of a lib's meta. */
export const LibRecord = Schema.Union([
  LibMeta,
  LibTape,
  LibEpoch,
  LibDynamic,
  LibClosed,
  LibClean,
  LibLineage,
  LibBackup,
  LibUnfinished
])
export type LibRecord = typeof LibRecord.Type

/** Records of a tape's meta, except the one that ends it. */
export const TapeRecord = Schema.Union([TapeMeta, TapeSegment, TapeUserMeta, TapeRepack, TapeLost])
export type TapeRecord = typeof TapeRecord.Type

/** A record before it is chained to the one before it. */
export type Unchained<R> = R extends unknown ? Omit<R, "hash" | "previous"> : never
