/**
 * System records: the records of a lib and of a tape about themselves, in the same language as user records.
 * docs/FORMAT.md has tables of their fields.
 */
import * as Shape from "../base/Shape.ts"
import { Placement } from "../format/Placement.ts"
import { consumerPattern } from "./Checkpoint.ts"

/** Largest number in a lib or a tape: counting up from it, or adding two of them, stays among the exact integers. */
const countMax = 2 ** 52

const Count = Shape.Int.check(Shape.isBetween({ minimum: 0, maximum: countMax }))
const Positive = Shape.Int.check(Shape.isBetween({ minimum: 1, maximum: countMax }))
const Hex64 = Shape.String.check(Shape.isPattern(/^[0-9a-f]{64}$/))
const RecordId = Shape.String.check(Shape.isPattern(/^sha256:[0-9a-f]{64}$/))
const Uuid = Shape.String.check(Shape.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/))
const Time = Shape.String.check(Shape.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/))

/**
 * Every record of a meta names the one before it, by the record id of its line (null for the first), and seals itself:
 * `hash` is the SHA-256 of its canonical form without `hash`. So the last line, which no line names, proves itself too.
 */
const chained = { hash: Hex64, previous: Shape.NullOr(RecordId) }

/** A point in a chain of commits: the last batch, the next event position, the hash of that batch's mark. */
export const Anchor = Shape.Struct({ batch: Count, hash: Hex64, position: Count })
export type Anchor = typeof Anchor.Type

/** The hash before the first batch of a lib. */
export const noHash = "0".repeat(64)

/** The anchor of a lib without commits. */
export const origin: Anchor = { batch: 0, hash: noHash, position: 0 }

/** The limits of a lib, as its meta contains them. */
export const LimitsRecord = Shape.Struct({
  batchBytesMax: Positive,
  depthMax: Positive,
  metaBytesMax: Positive,
  recordBytesMax: Positive
})

/** The role of a tape. `records`: anyone with the lib may append. `events`: only the event store may. */
export const Role = Shape.Literals(["records", "events"])
export type Role = typeof Role.Type

export const LibMeta = Shape.Struct({
  $type: Shape.Literal("LiteLib.Meta"),
  created: Time,
  format: Positive,
  lib: Uuid,
  limits: LimitsRecord,
  placement: Placement,
  ...chained
})
export const LibTape = Shape.Struct({
  $type: Shape.Literal("LiteLib.Tape"),
  name: Shape.String,
  replaces: Shape.optionalKey(Uuid),
  role: Role,
  state: Shape.Literals(["active", "archived"]),
  tape: Uuid,
  ...chained
})
export const LibEpoch = Shape.Struct({
  $type: Shape.Literal("LiteLib.Epoch"),
  anchor: Anchor,
  dynamic: Positive,
  epoch: Positive,
  old: Shape.Array(Shape.Tuple([Positive, Count])),
  upto: Count,
  ...chained
})
export const LibDynamic = Shape.Struct({
  $type: Shape.Literal("LiteLib.Dynamic"),
  dynamic: Positive,
  ...chained
})
export const LibDynamicClosed = Shape.Struct({
  $type: Shape.Literal("LiteLib.Closed"),
  anchor: Anchor,
  dynamic: Positive,
  ...chained
})
export const LibClean = Shape.Struct({ $type: Shape.Literal("LiteLib.Clean"), anchor: Anchor, ...chained })

/** Format 2: the lib was restored: after `anchor` it is a new lineage. */
export const LibLineage = Shape.Struct({
  $type: Shape.Literal("LiteLib.Lineage"),
  anchor: Anchor,
  from: Uuid,
  lineage: Uuid,
  time: Time,
  ...chained
})

/** Format 2: the lib is a backup of the state at `anchor`, in which each tape had this many records. */
export const LibBackup = Shape.Struct({
  $type: Shape.Literal("LiteLib.Backup"),
  anchor: Anchor,
  tapes: Shape.Array(Shape.Tuple([Uuid, Count])),
  time: Time,
  ...chained
})

/** Name of a consumer. */
const ConsumerName = Shape.String.check(Shape.isPattern(consumerPattern))
const DoneRanges = Shape.Array(Shape.Tuple([Count, Count]))

/** Format 2: how far a consumer is. Marks of later batches override it. */
export const LibCheckpoint = Shape.Struct({
  $type: Shape.Literal("LiteLib.Checkpoint"),
  above: DoneRanges,
  /** Position of the next event after the batch that had it. Absent: not known. */
  at: Shape.optionalKey(Count),
  consumer: ConsumerName,
  low: Count,
  /** A recovery found it, and later ones may be lost; or a restore has left out answers that it rests on. */
  lost: Shape.optionalKey(Shape.Literal(true)),
  /** 0 before the first checkpoint. */
  version: Count,
  ...chained
})

/** Format 2: a recovery found no lib meta: checkpoints of consumers that are not listed may be lost. */
export const LibCheckpointsLost = Shape.Struct({ $type: Shape.Literal("LiteLib.CheckpointsLost"), ...chained })

/** Format 2: the lib is being made, and is not whole. The record is gone once it is. */
export const LibUnfinished = Shape.Struct({ $type: Shape.Literal("LiteLib.Unfinished"), from: Uuid, ...chained })

/** The first line of a dynamic segment. */
export const DynamicHeader = Shape.Struct({
  $type: Shape.Literal("LiteLib.Header"),
  dynamic: Positive,
  epoch: Positive,
  lib: Uuid
})
export type DynamicHeader = typeof DynamicHeader.Type

/** The last line of a batch in a dynamic segment. */
export const Commit = Shape.Struct({
  $type: Shape.Literal("LiteLib.Commit"),
  batch: Positive,
  /** Format 2: how far these consumers are, from this batch on. */
  checkpoints: Shape.optionalKey(Shape.NonEmptyArray(Shape.Tuple([ConsumerName, Positive, Count, DoneRanges]))),
  hash: Hex64,
  /** Empty only in a batch that has checkpoints alone. */
  parts: Shape.Array(Shape.Tuple([Uuid, Count, Positive])),
  position: Count,
  previous: Hex64
})
export type Commit = typeof Commit.Type

export const TapeMeta = Shape.Struct({
  $type: Shape.Literal("LiteTape.Meta"),
  created: Time,
  /** The last line is a LiteTape.End. Absent in meta of early versions, where lines lost at the end go unnoticed. */
  ended: Shape.optionalKey(Shape.Literal(true)),
  format: Positive,
  /** Batches up to this one do not belong to the tape, even if they have records of it. */
  lastBatch: Count,
  lib: Uuid,
  /** Segment numbers below this one are taken, though no segment has them: by files that recovery could not use. */
  nextNumber: Shape.optionalKey(Positive),
  origin: Shape.Union([
    Shape.Struct({ kind: Shape.Literal("created") }),
    Shape.Struct({ kind: Shape.Literal("cloned"), lib: Uuid, records: Count, root: Hex64, tape: Uuid }),
    Shape.Struct({ kind: Shape.Literal("recovered"), tape: Shape.NullOr(Uuid) })
  ]),
  /** The same as in lib meta, so that a lib that lost its meta can be recovered without guessing. */
  role: Role,
  tape: Uuid,
  ...chained
})
export const MerkleState = Shape.Struct({ peaks: Shape.Array(Hex64), size: Count })
export const Compression = Shape.Literals(["none", "gzip", "zstd"])
export const TapeSegment = Shape.Struct({
  $type: Shape.Literal("LiteTape.Segment"),
  bytes: Positive,
  compression: Compression,
  firstOrdinal: Count,
  lastBatch: Count,
  merkle: MerkleState,
  name: Shape.String,
  number: Positive,
  rawBytes: Positive,
  records: Positive,
  /** Number of its lines that are LiteTape.Same; absent for none. */
  same: Shape.optionalKey(Positive),
  sha256: Hex64,
  /** Number of segments in a shard folder; absent if the segment is in the tape's own folder. */
  shardEvery: Shape.optionalKey(Positive),
  state: Shape.Literal("closed"),
  ...chained
})
/** One closed segment, as tape meta lists it. */
export type Segment = Omit<typeof TapeSegment.Type, "$type" | "hash" | "previous">

export const TapeUserMeta = Shape.Struct({
  $type: Shape.Literal("LiteTape.UserMeta"),
  key: Shape.NonEmptyString,
  removed: Shape.optionalKey(Shape.Literal(true)),
  value: Shape.optionalKey(Shape.Unknown),
  ...chained
})

/** Records the last repack: some of the segments listed before this record were made from others. */
export const TapeRepack = Shape.Struct({
  $type: Shape.Literal("LiteTape.Repack"),
  added: Shape.Tuple([Positive, Positive]),
  records: Positive,
  removed: Shape.Tuple([Positive, Positive]),
  /** RFC 9162 tree hash of the first `records` records, which is the same before and after the repack. */
  root: Hex64,
  why: Shape.String,
  ...chained
})
/** A repack: the numbers of the first and the last segment that it removed, and of those that it added. */
export type Repacked = Omit<typeof TapeRepack.Type, "$type" | "hash" | "previous">

/** Streams that are lost, each with its first lost revision and how many. */
const LostStreams = Shape.Array(Shape.Tuple([Shape.String, Count, Positive]))

/** Format 2: records that came before the one with this ordinal are lost, or may be. */
export const TapeLost = Shape.Struct({
  $type: Shape.Literal("LiteTape.Lost"),
  /** The caller accepted the loss: reads continue after it, and appends check revisions again. */
  accepted: Shape.optionalKey(Shape.Literal(true)),
  ordinal: Count,
  /** First position that may be lost, and the next one after the loss. Null on a tape of records. */
  positions: Shape.NullOr(Shape.Tuple([Count, Count])),
  /** Null if nobody knows how many, perhaps none. */
  records: Shape.NullOr(Positive),
  segment: Shape.String,
  /** Null if no index knew them. */
  streams: Shape.NullOr(LostStreams),
  time: Time,
  /** Streams of which only the hash is known, as 14 hexadecimal digits. Absent without such streams. */
  unnamed: Shape.optionalKey(
    Shape.Array(Shape.Tuple([Shape.String.check(Shape.isPattern(/^[0-9a-f]{14}$/)), Count, Positive]))
  ),
  ...chained
})
/** Records that are lost, as tape meta lists them. */
export type Lost = Omit<typeof TapeLost.Type, "$type" | "hash" | "previous">

/** The last line. Whatever is cut off the end of a meta, even whole lines, takes this one with it. */
export const TapeEnd = Shape.Struct({ $type: Shape.Literal("LiteTape.End"), ...chained })
export type TapeEnd = typeof TapeEnd.Type

/** Records of a lib's meta. */
export const LibRecord = Shape.Union([
  LibMeta,
  LibTape,
  LibEpoch,
  LibDynamic,
  LibDynamicClosed,
  LibClean,
  LibLineage,
  LibBackup,
  LibUnfinished,
  LibCheckpoint,
  LibCheckpointsLost
])
export type LibRecord = typeof LibRecord.Type

/** Records of a tape's meta, except the one that ends it. */
export const TapeRecord = Shape.Union([TapeMeta, TapeSegment, TapeUserMeta, TapeRepack, TapeLost])
export type TapeRecord = typeof TapeRecord.Type

/** A record before it is chained to the one before it. */
export type Unchained<R> = R extends unknown ? Omit<R, "hash" | "previous"> : never
