/** Takes a lib over from the writer before: the steps around the decision (docs/PROTOCOL.md, "Open for writing"). */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { DynamicCorrupt } from "../../domain/format/Errors.ts"
import * as DynamicSegment from "../../domain/journal/DynamicSegment.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import * as LibFold from "../../domain/meta/LibFold.ts"
import * as LibRefold from "../../domain/meta/LibRefold.ts"
import * as LibState from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import type { LibRecord } from "../../domain/meta/SystemRecord.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import type { Opened } from "./LibHandle.ts"
import { DynamicEvents } from "../journal/DynamicEvents.ts"
import { DynamicFile } from "../journal/DynamicFile.ts"
import { lastWithRecords } from "../journal/Journal.ts"
import type { Scanned } from "../journal/DynamicScan.ts"
import { eventsIn } from "../journal/FileEvents.ts"

/**
 * Creates a new dynamic segment with a copy of the last batch (I2: inherited data is rewritten), then replaces lib meta
 * with one that begins the next epoch. That record is the decision: before it nothing has changed, after it everything
 * has.
 */
export const takeOver = Effect.fnUntraced(function* (
  root: Root,
  read: { readonly state: LibState.LibState; readonly version: string },
  scanned: Scanned
): Effect.fn.Return<Opened, DynamicCorrupt | StorageError> {
  const { state } = read
  const { anchor, files, last } = scanned
  const dynamic = nextDynamic(state)
  const epoch = state.epoch + 1
  const header = DynamicSegment.headerLine({ dynamic, epoch, lib: state.lib })
  const first = last === undefined ? header : Buffer.concat([header, last.bytes])
  const events = yield* eventsOfLast(state, scanned, { dynamic, size: first.length, anchor }, header.length, first)
  // Old files keep only the batches before the last one. A file that held the last one alone is not needed.
  const old = files.flatMap((file) => withoutLast(file, scanned))
  // An interrupted opening may have left a file with a higher number and the epoch that begins now. It must be gone
  // before the decision, and the sync for the new file makes that durable. After the decision it would look like a
  // dynamic segment that lib meta has lost.
  for (const left of yield* root.journal.list) {
    if (left > state.highest && !(yield* mayBeListed(root, state, left))) yield* root.journal.drop(left)
  }
  const writer = yield* root.journal.create(dynamic, first)
  const records = [
    ...LibRefold.refold(state),
    {
      $type: "LiteLib.Epoch" as const,
      anchor: state.anchor,
      dynamic,
      epoch,
      old: old.map((file): [number, number] => [file.dynamic, file.anchor.batch]),
      upto: anchor.batch
    }
  ]
  const written = MetaChain.write<LibRecord>(null, records)
  const version = yield* root.meta.replace(undefined, read.version, written.bytes)
  const after = LibFold.after({ ...state, records: 0 }, records.at(-1)!)
  const folded = { ...after, format: LibState.formatOf(state), records: records.length }
  const noted = state.checkpoints.size === 0 ? {} : { records: lastWithRecords(files) }
  if (root.boot !== undefined) yield* root.hint.write(Hint.encode({ boot: root.boot, batch: anchor.batch, ...noted }))
  const checkpoints = scanned.lastCheckpoints.own
  const current = new DynamicFile({ dynamic, writer, size: first.length, anchor, events, checkpoints })
  if (last !== undefined) {
    moveLast(files, current, header.length - last.offset, anchor)
    current.stampFirstBatch(yield* Clock.currentTimeMillis)
  }
  for (const listed of yield* root.journal.list) {
    if (!folded.live.some((live) => live.dynamic === listed)) yield* root.journal.drop(listed)
  }
  return {
    meta: { state: folded, version, end: written.end, bytes: written.bytes.length },
    files: [...old, current],
    durable: anchor
  }
})

/**
 * Returns the number of the new dynamic segment. The writer before may have been stopped while it appended
 * `LiteLib.Dynamic` with the next number to lib meta, through a descriptor that it had opened before it was overtaken. If
 * that record lands while we take over, it must not list our file. Before the first epoch there was no writer.
 */
const nextDynamic = ({ epoch, highest }: LibState.LibState): number => (epoch === 0 ? highest + 1 : highest + 2)

/** Returns whether a file is one that the writer before prepared, and may still list by such an append. */
const mayBeListed = (root: Root, state: LibState.LibState, dynamic: number): Effect.Effect<boolean, StorageError> =>
  dynamic !== state.highest + 1 || state.epoch === 0
    ? Effect.succeed(false)
    : Effect.map(root.journal.read(dynamic, 0, 4096), (head) => {
        const header = DynamicSegment.readHeader(head)
        return typeof header !== "string" && header.lib === state.lib && header.epoch === state.epoch
      })

/**
 * Returns the events of the last batch at their place in the new file, where their rows come before those of later
 * batches. Decoded before the decision, so that a line that is not an event changes nothing.
 */
const eventsOfLast = (
  state: LibState.LibState,
  { anchor, files, last }: Scanned,
  file: Pick<DynamicFile, "dynamic" | "size" | "anchor">,
  headerBytes: number,
  bytes: Uint8Array
): Effect.Effect<DynamicEvents, DynamicCorrupt> => {
  if (last === undefined) return Effect.succeed(new DynamicEvents())
  const planned = new DynamicFile(file)
  const shift = headerBytes - last.offset
  moveLast(files, planned, shift, anchor)
  return Effect.mapError(
    eventsIn(state, planned, bytes),
    ({ offset, why }) => new DynamicCorrupt({ file: dynamicName(last.dynamic), offset: offset - shift, why })
  )
}

/** Returns a file as lib meta lists it from now on: without the last batch, which is in the new file. */
const withoutLast = (file: DynamicFile, { anchor, beforeLast, lastCheckpoints }: Scanned): Array<DynamicFile> => {
  if (!file.hasBatches) return []
  if (file.anchor.batch < anchor.batch) return [file]
  const checkpoints = lastCheckpoints.before
  const kept = new DynamicFile({ dynamic: file.dynamic, size: file.size, anchor: beforeLast, checkpoints })
  for (const [tape, parts] of file.parts) {
    for (const part of parts) if (part.batch < anchor.batch) kept.addPart(tape, { ...part, file: kept })
  }
  return kept.hasBatches ? [kept] : []
}

/** Adds the parts of the last batch at their place in the new file. */
const moveLast = (
  files: ReadonlyArray<DynamicFile>,
  current: DynamicFile,
  shift: number,
  anchor: DynamicFile["anchor"]
): void => {
  for (const file of files) {
    for (const [tape, parts] of file.parts) {
      for (const part of parts) {
        if (part.batch === anchor.batch) current.addPart(tape, { ...part, file: current, offset: part.offset + shift })
      }
    }
  }
}
