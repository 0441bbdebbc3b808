/**
 * Enforces `metaBytesMax` on writes: a larger meta could not be read back. Records that a user asks for are refused
 * before anything is written for them, so that reaching the limit does not stop the writer.
 */
import * as Effect from "effect/Effect"
import { MetaInvalid } from "../../domain/format/Errors.ts"
import { libMetaFile, tapeMetaFile } from "../../domain/format/Format.ts"
import { rangesMax } from "../../domain/meta/CheckpointRanges.ts"
import * as LibFold from "../../domain/meta/LibFold.ts"
import * as LibRefold from "../../domain/meta/LibRefold.ts"
import type * as LibState from "../../domain/meta/LibState.ts"
import { defaultLimits, checkLimits, type Limits, metaRoomBytes } from "../../domain/format/Limits.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../domain/meta/SystemRecord.ts"
import type { Meta, Root, StorageError } from "../ports/Storage.ts"

/** Reads the meta of a lib or a tape. Fails before reading if it has more than `bytesMax` bytes. */
export const readMeta = (
  root: Root,
  tape: string | undefined,
  bytesMax: number
): Effect.Effect<Meta | undefined, MetaInvalid | StorageError> =>
  Effect.mapError(root.meta.read(tape, bytesMax), (error) => {
    if (error.reason !== "too-large") return error
    const why =
      tape === undefined
        ? `${error.detail}, the limit. Open the lib with the limits.metaBytesMax that it was created with.`
        : `${error.detail}, the lib's metaBytesMax. Restore it from a copy, or run recoverTape.`
    return new MetaInvalid({ meta: metaOf(tape), line: 0, why })
  })

/** Returns how many bytes of lib meta are read before its own limit is known. */
export const libMetaBudget = (limits: Partial<Limits> | undefined): number => {
  const given = limits?.metaBytesMax ?? defaultLimits.metaBytesMax
  const isLimit = checkLimits({ ...defaultLimits, metaBytesMax: given }) === undefined
  return isLimit ? Math.max(given, defaultLimits.metaBytesMax) : defaultLimits.metaBytesMax
}

/** Size of the last record of a writer. There must always be room for it, since nothing can be folded after it. */
const cleanBytesMax = 1024

/** Lib meta as its limits see it: its content and its size. */
interface LibMetaView {
  readonly state: LibState.LibState
  readonly end: string | null
  readonly bytes: number
}

/** Whether lib meta must be folded before `more` bytes are added. */
export const isFull = ({ bytes, state }: LibMetaView, more: number): boolean =>
  bytes + more > state.limits.metaBytesMax - cleanBytesMax

/** Returns the cause with which a writer stops if even its own records have no room. */
export const libMetaFull = (bytes: number, { metaBytesMax }: Limits): string =>
  `${libMetaFile} would grow to ${bytes} bytes, but its limit metaBytesMax is ${metaBytesMax}`

/**
 * Returns the bytes that lib meta keeps for each consumer: the longest line of its checkpoint. A checkpoint grows with the
 * events that are done out of order, and by then it is too late to refuse the consumer.
 */
export const checkpointBytesMax = (limits: Limits): number => 512 + 34 * rangesMax(limits)

/**
 * Fails if lib meta has no room for one more tape or consumer. Part of the limit is reserved for records of the writer, and
 * for each consumer its largest checkpoint.
 */
export const checkLibMetaRoom = (
  { bytes: before, end, state }: LibMetaView,
  record: Unchained<LibRecord>
): Effect.Effect<void, MetaInvalid> =>
  Effect.suspend(() => {
    const { checkpoints, limits } = state
    const isNew = record.$type === "LiteLib.Checkpoint" && !checkpoints.has(record.consumer)
    const reserved = (checkpoints.size + (isNew ? 1 : 0)) * checkpointBytesMax(limits)
    const line = MetaChain.write<LibRecord>(end, [record], limits).bytes.length
    if (before + line + reserved <= limits.metaBytesMax - metaRoomBytes(limits)) return Effect.void
    // Folding may shrink it.
    return checkLibMetaRecords(limits, LibRefold.refoldWithin(LibFold.after(state, record)), state.records + 1)
  })

/** Fails if lib meta, which would have these records at its `line`, leaves its writer or its consumers too little room. */
export const checkLibMetaRecords = (
  limits: Limits,
  records: ReadonlyArray<Unchained<LibRecord>>,
  line = 0
): Effect.Effect<void, MetaInvalid> => {
  const others = records.filter(({ $type }) => $type !== "LiteLib.Checkpoint")
  const consumers = records.length - others.length
  const bytes = MetaChain.write<LibRecord>(null, others, limits).bytes.length
  return checkLibMetaSize(limits, bytes + consumers * checkpointBytesMax(limits), line, consumers)
}

/**
 * Fails if lib meta, which would have this many bytes at its `line`, leaves its writer too little room. `consumers` are
 * those for which some of the bytes are reserved.
 */
export const checkLibMetaSize = (
  limits: Limits,
  bytes: number,
  line = 0,
  consumers = 0
): Effect.Effect<void, MetaInvalid> => {
  const { metaBytesMax } = limits
  const bytesMax = metaBytesMax - metaRoomBytes(limits)
  if (bytes <= bytesMax) return Effect.void
  const reserved = consumers * checkpointBytesMax(limits)
  const what = `it would grow to ${bytes} bytes, but tapes and consumers may take only ${bytesMax} of its metaBytesMax, which is ${metaBytesMax}`
  const why =
    2 * reserved > bytes
      ? `${what}. Of these bytes ${reserved} are reserved for the checkpoints of ${consumers} consumers. Keep some in another CheckpointStore, or make a lib of the same events with a higher metaBytesMax with Lib.copy.`
      : `${what}. Use fewer tapes: Lib.copy makes a lib of the same events with the placement category-or-shared, hashed or single, or with a higher metaBytesMax.`
  return Effect.fail(new MetaInvalid({ meta: libMetaFile, line, why }))
}

/** Bytes that one more segment may add to meta: its fields, and the Merkle state of a stream of any length. */
export const segmentLineBytesMax = 8 * 1024

/** Fails if the meta of a tape would be larger than its limit. */
export const checkTapeMetaSize = (
  limits: Limits,
  tape: string,
  bytes: number,
  line: number
): Effect.Effect<void, MetaInvalid> => {
  const { metaBytesMax } = limits
  if (bytes <= metaBytesMax) return Effect.void
  const why = `it would grow to ${bytes} bytes, but its limit metaBytesMax is ${metaBytesMax}. Repack the tape into larger segments.`
  return Effect.fail(new MetaInvalid({ meta: metaOf(tape), line, why }))
}

const metaOf = (tape: string | undefined): string => (tape === undefined ? libMetaFile : `${tape}/${tapeMetaFile}`)
