/**
 * Scans the dynamic segments that lib meta lists: all committed batches of an earlier writer, or of the running one.
 */
import * as Effect from "effect/Effect"
import { AckedDataLost, DynamicCorrupt, IdentityMismatch } from "../../domain/format/Errors.ts"
import * as DynamicSegment from "../../domain/journal/DynamicSegment.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import type * as LibState from "../../domain/meta/LibState.ts"
import { sizeWith } from "../../domain/journal/Room.ts"
import { dynamicBytesCeiling } from "../../domain/format/Limits.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { type CheckpointState, endOf, ofMark } from "../../domain/meta/Checkpoint.ts"
import { type Checkpoints, DynamicFile } from "./DynamicFile.ts"

/** Errors of a scan. */
export type ScanError = StorageError | DynamicCorrupt | IdentityMismatch | AckedDataLost

/** Where a dynamic segment ends too early. */
export interface TornTail {
  /** Name of the dynamic segment. */
  readonly file: string
  /** Byte after its last whole batch. */
  readonly offset: number
  /** Number of bytes after that, which are no whole batch. */
  readonly bytes: number
}

/** The checkpoints of the file that has the last batch. */
export interface LastCheckpoints {
  readonly own: Checkpoints
  readonly before: Checkpoints
}

/** Content of the listed dynamic segments. */
export interface Scanned {
  readonly files: ReadonlyArray<DynamicFile>
  /** The same files with what comes after batch `upto`, where there is such a batch. */
  readonly beyond: ReadonlyArray<DynamicFile>
  /** State at the end of the chain of commits. */
  readonly anchor: Anchor
  /** State before the last batch. */
  readonly beforeLast: Anchor
  /** Checkpoints of the last batch, and those of its file without it. */
  readonly lastCheckpoints: LastCheckpoints
  /** Torn end without a valid mark, which was never acknowledged. */
  readonly torn: { readonly dynamic: number; readonly offset: number; readonly bytes: Uint8Array } | undefined
  /**
   * Where the last file ends too early: in a torn batch, or, if `bytes` is 0, exactly at the end of a batch. In the latter
   * case it lacks the room that the batch came with, so something cut the file off, perhaps with batches after it.
   */
  readonly tail: TornTail | undefined
  /** End of the last good batch, or where the first one would begin; `undefined` if no file is listed. */
  readonly end: { readonly file: string; readonly offset: number } | undefined
  /** Bytes of the last batch on disk: lines and mark. */
  readonly last: { readonly dynamic: number; readonly offset: number; readonly bytes: Uint8Array } | undefined
}

/**
 * Reads all listed files in the order of their batches. Checks that the batches form one chain. Batches after `upto` are
 * kept apart. Default: no such limit.
 */
export const scanAll = Effect.fnUntraced(function* (
  root: Root,
  state: LibState.LibState,
  upto = Number.POSITIVE_INFINITY
): Effect.fn.Return<Scanned, ScanError> {
  const files: Array<DynamicFile> = []
  const beyond: Array<DynamicFile> = []
  let anchor = state.anchor
  let beforeLast = anchor
  let lastCheckpoints: LastCheckpoints = { own: new Map(), before: new Map() }
  let torn: Scanned["torn"]
  let last: Scanned["last"]
  let end: Scanned["end"]
  let before: string | undefined
  let tail: TornTail | undefined
  for (const live of state.live) {
    const name = dynamicName(live.dynamic)
    const damaged = (offset: number, why: string) => new DynamicCorrupt({ file: name, offset, why })
    const bytes = yield* readListed(root, state, live)
    const scan = DynamicSegment.scan(bytes, anchor, live.limit)
    // A byte after the header of a file, even room, proves that the files before it are whole.
    if (torn !== undefined && bytes.length > DynamicSegment.headerBytes(bytes)) {
      return yield* new DynamicCorrupt({
        file: dynamicName(torn.dynamic),
        offset: torn.offset,
        why: `its end is torn, but the next file, ${name}, has data`
      })
    }
    if (scan.damage !== undefined) {
      const { offset, kind } = scan.damage
      // The batch that this one should follow may have been at the end of the file before.
      const isFirst = scan.batches.length === 0 && before !== undefined
      const why = isFirst ? `${scan.damage.why}, or the end of the file before, ${before}, is missing` : scan.damage.why
      if (kind === "acknowledged" || live.limit !== undefined) return yield* damaged(offset, why)
      torn = { dynamic: live.dynamic, offset, bytes: bytes.subarray(offset, scan.contentBytes) }
    }
    const off = misplaced(scan, anchor.position, state)
    if (off !== undefined) return yield* damaged(off.offset, off.why)
    const found = fileOf(live.dynamic, scan, anchor, state, upto)
    if (live.limit !== undefined && found.anchor.batch !== live.limit) {
      return yield* damaged(scan.goodBytes, `it ends at batch ${found.anchor.batch}, not at batch ${live.limit}`)
    }
    tail = tailOf(root, live, name, scan, bytes.length)
    files.push(found.file)
    if (found.beyond.hasBatches) beyond.push(found.beyond)
    before = `${name} (${scan.goodBytes} bytes)`
    const batch = scan.batches.at(-1)
    if (batch !== undefined || end === undefined) end = { file: name, offset: scan.goodBytes }
    if (batch !== undefined) {
      beforeLast = found.before
      lastCheckpoints = found.checkpoints
      anchor = found.anchor
      last = { dynamic: live.dynamic, offset: batch.offset, bytes: bytes.slice(batch.offset, batch.end) }
    }
  }
  if (torn !== undefined) end = { file: dynamicName(torn.dynamic), offset: torn.offset }
  if (anchor.batch < state.upto) {
    const { file, offset } = end ?? { file: libMetaFile, offset: 0 }
    return yield* new AckedDataLost({
      location: root.location,
      acked: state.upto,
      found: anchor.batch,
      file,
      offset
    })
  }
  return { files, beyond, anchor, beforeLast, lastCheckpoints, torn, tail, end, last }
})

/** Returns the bytes of a listed file that begins with its header. */
const readListed = Effect.fnUntraced(function* (
  root: Root,
  state: LibState.LibState,
  { dynamic }: LibState.LiveDynamic
): Effect.fn.Return<Uint8Array, StorageError | DynamicCorrupt | IdentityMismatch> {
  const file = dynamicName(dynamic)
  const damaged = (why: string) => new DynamicCorrupt({ file, offset: 0, why })
  const bytes = yield* readDynamic(root, dynamic)
  if (bytes === undefined) return yield* damaged(`it is missing, but ${libMetaFile} lists it`)
  const header = DynamicSegment.readHeader(bytes)
  if (typeof header === "string") return yield* damaged(header)
  if (header.lib !== state.lib || header.dynamic !== dynamic) {
    const found = `dynamic segment ${header.dynamic} of lib ${header.lib}`
    return yield* new IdentityMismatch({ file, expected: `number ${dynamic} of ${state.lib}`, found })
  }
  return bytes
})

const tailOf = (
  { journal }: Root,
  { limit }: LibState.LiveDynamic,
  file: string,
  { batches, contentBytes, damage, goodBytes }: DynamicSegment.Scan,
  size: number
): TornTail | undefined => {
  const bytes = damage === undefined ? 0 : contentBytes - goodBytes
  // A file with a limit has batches that do not count, and was written for the last time long ago.
  const isCut = journal.takesRoom === true && limit === undefined && size < sizeWith(batches)
  return bytes > 0 || isCut ? { file, offset: goodBytes, bytes } : undefined
}

/**
 * Returns the bytes of a dynamic segment, or `undefined` if it does not exist. Fails before reading if the file is too
 * large.
 */
export const readDynamic = (
  root: Root,
  dynamic: number
): Effect.Effect<Uint8Array | undefined, StorageError | DynamicCorrupt> =>
  Effect.flatMap(
    root.journal.size(dynamic),
    (size): Effect.Effect<Uint8Array | undefined, StorageError | DynamicCorrupt> => {
      if (size === undefined) return Effect.succeed(undefined)
      if (size <= dynamicBytesCeiling) return root.journal.read(dynamic, 0, size)
      const why = `it has ${size} bytes, but a dynamic segment has at most ${dynamicBytesCeiling}`
      return Effect.fail(new DynamicCorrupt({ file: dynamicName(dynamic), offset: dynamicBytesCeiling, why }))
    }
  )

/** Returns the first batch that does not follow the events before it, or has a checkpoint of events that are not there. */
const misplaced = (
  { batches }: DynamicSegment.Scan,
  start: number,
  { roles }: LibState.LibState
): { readonly offset: number; readonly why: string } | undefined => {
  let next = start
  for (const batch of batches) {
    const { batch: number, checkpoints, offset, position } = batch
    if (position !== next) return { offset, why: `batch ${number} begins at position ${position}` }
    for (const part of batch.parts) {
      const role = roles.get(part.tape)
      // Lib meta lost the line of this tape, so its role is unknown here. `checkMetaEnd` reports that.
      if (role === undefined) return undefined
      if (role === "events") next += part.count
    }
    for (const [consumer, , low, above] of checkpoints) {
      if (endOf({ low, above }) <= next) continue
      return { offset, why: `batch ${number} has a checkpoint of ${consumer} beyond its own end` }
    }
  }
  return undefined
}

/** Returns the checkpoints of a batch after which the next event gets position `at`. */
export const checkpointsOf = (
  { checkpoints }: Pick<DynamicSegment.FoundBatch, "checkpoints">,
  at: number
): Checkpoints =>
  checkpoints.length === 0 ? noCheckpoints : new Map(checkpoints.map((marked) => [marked[0], ofMark(marked, at)]))

const noCheckpoints: Checkpoints = new Map()

interface FoundFile {
  /** With the batches up to `upto`. */
  readonly file: DynamicFile
  /** With the batches after it. */
  readonly beyond: DynamicFile
  /** State after the last batch. */
  readonly anchor: Anchor
  /** State before the last batch. */
  readonly before: Anchor
  readonly checkpoints: LastCheckpoints
}

const fileOf = (
  dynamic: number,
  scan: DynamicSegment.Scan,
  start: Anchor,
  state: LibState.LibState,
  upto: number
): FoundFile => {
  const shown = scan.batches.findIndex(({ batch }) => batch > upto)
  const size = shown === -1 ? scan.goodBytes : scan.batches[shown]!.offset
  const file = new DynamicFile({ dynamic, size, anchor: start })
  const beyond = new DynamicFile({ dynamic, size: scan.goodBytes, anchor: start })
  let before = start
  let anchor = start
  let own: Checkpoints = new Map()
  const earlier = new Map<string, CheckpointState>()
  for (const batch of scan.batches) {
    const owner = batch.batch > upto ? beyond : file
    let events = 0
    for (const part of batch.parts) if (state.roles.get(part.tape) === "events") events += part.count
    const endPosition = batch.position + events
    for (const part of batch.parts) {
      const { tape, firstOrdinal, count, offset, bytes, crc } = part
      owner.addPart(tape, { file: owner, batch: batch.batch, firstOrdinal, count, offset, bytes, crc, endPosition })
    }
    for (const [consumer, checkpoint] of own) earlier.set(consumer, checkpoint)
    own = checkpointsOf(batch, endPosition)
    owner.addCheckpoints(own)
    before = anchor
    anchor = { batch: batch.batch, hash: batch.hash, position: endPosition }
    owner.standAt(anchor)
  }
  return { file, beyond, anchor, before, checkpoints: { own, before: earlier } }
}
