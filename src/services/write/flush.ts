/**
 * Moves committed records out of dynamic segments into segments of their tapes: the flush, the close of a dynamic
 * segment, and the clean end of a lib.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isSame } from "../../domain/meta/Checkpoint.ts"
import { checkpointRecord } from "../../domain/meta/LibRefold.ts"
import { invariant } from "../../domain/base/invariant.ts"
import type { MetaInvalid, SegmentCorrupt, TapeInvalid, WriterPoisoned } from "../../domain/format/Errors.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { inSpan } from "../base/spans.ts"
import { copyParts } from "./copyParts.ts"
import { writeNextSegmentAs } from "../segment/NextSegment.ts"
import type { StorageError } from "../ports/Storage.ts"

/**
 * Errors of a flush. After `WriterPoisoned` the writer has stopped: call `lib.reopen`. After the others
 * it continues: `TapeInvalid` means that tape meta is missing, `MetaInvalid` that it is full.
 */
export type FlushError = WriterPoisoned | StorageError | SegmentCorrupt | MetaInvalid | TapeInvalid

/**
 * Copies a tape's committed records up to batch `upto` into one new segment. The segment is durable before the meta
 * that lists it is written. Returns the number of records that were copied.
 */
export const flush = (lib: LibHandle, tape: OpenTape, upto: number): Effect.Effect<number, FlushError> =>
  Effect.suspend(() => {
    // Many operations flush first, and most of them find nothing: that is worth no span.
    const isEmpty = tape.parts.length === 0 || tape.parts[0]!.batch > upto
    return isEmpty ? flushAlone(lib, tape, upto) : flushObserved(lib, tape, upto)
  })

const flushAlone = (lib: LibHandle, tape: OpenTape, upto: number): Effect.Effect<number, FlushError> =>
  tape.lock.withPermit(Effect.uninterruptible(Effect.suspend(() => flushLocked(lib, tape, upto))))

const flushObserved = (lib: LibHandle, tape: OpenTape, upto: number): Effect.Effect<number, FlushError> =>
  inSpan(
    () => ({ operation: "flush", location: lib.location, attributes: { "litetapes.tape": tape.name } }),
    (span) => {
      const begun = lib.measures.now()
      return Effect.map(flushAlone(lib, tape, upto), (records) => {
        if (records > 0) lib.measures.flushes.record(lib.measures.now() - begun)
        span?.attribute("litetapes.records", records)
        return records
      })
    }
  )

const flushLocked = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  upto: number
): Effect.fn.Return<number, FlushError> {
  const parts = tape.parts.filter((part) => part.batch <= upto)
  const last = parts.at(-1)
  if (last === undefined) return 0
  invariant(last.batch <= lib.journal.durable.batch, "only acknowledged batches are flushed")
  // Checked before a byte is written: the lock is ours, tape meta is unchanged and has room for one more segment.
  yield* lib.guard.checkLock
  yield* tape.meta.checkRoom
  const before = tape.state.segments.at(-1)
  const role = tape.role
  const options = { tape: tape.name, role, number: tape.takeNumbers(1), before, lastBatch: last.batch }
  const copy = { tape: tape.name, role, before: before?.merkle, parts }
  const { segment, index } = yield* lib.guard.step(
    writeNextSegmentAs(lib.root, options, (append) => copyParts(lib, copy, append))
  )
  invariant(segment.records === tape.records - tape.state.records - countBehind(tape, upto), "every record was copied")
  yield* tape.meta.append({ $type: "LiteTape.Segment", ...segment })
  tape.flushed(upto)
  yield* lib.segments.remember(tape.name, segment.name, segment.sha256, index)
  return segment.records
})

const countBehind = (tape: OpenTape, upto: number): number => {
  let count = 0
  for (const part of tape.parts) if (part.batch > upto) count += part.count
  return count
}

/**
 * Closes the oldest dynamic segment: flushes its tapes, records the close in lib meta, drops the file. A tape that
 * cannot be loaded keeps the file until that tape is recovered; then returns the reason.
 */
export const closeOldest = Effect.fnUntraced(function* (
  lib: LibHandle
): Effect.fn.Return<string | undefined, FlushError | LoadError> {
  const file = lib.journal.files[0]!
  yield* lib.guard.checkLock
  const stuck = yield* flushFile(lib, file)
  if (stuck !== undefined) return stuck
  yield* foldCheckpoints(lib, file)
  yield* lib.meta.append({ $type: "LiteLib.Closed", dynamic: file.dynamic, anchor: file.anchor })
  yield* drop(lib, file)
  lib.journal.dropOldest()
  return undefined
})

/** Flushes all tapes that have records in a file. Returns the reason if one of them cannot be flushed. */
export const flushFile = Effect.fnUntraced(function* (
  lib: LibHandle,
  file: DynamicFile
): Effect.fn.Return<string | undefined, FlushError | LoadError> {
  const names = new Map<string, string>()
  for (const listed of lib.meta.state.tapes.values()) {
    if (file.parts.has(listed.tape)) names.set(listed.tape, listed.name)
  }
  let stuck: string | undefined
  const replaced = new Map(lib.meta.state.replaced.map((listed) => [listed.tape, listed.name]))
  for (const id of file.parts.keys()) {
    // A recovery moved the records of the old tape into the tape that replaces it.
    if (!names.has(id) && !(yield* isTakenOver(lib, file, id, replaced.get(id))))
      stuck = `it holds records of tape ${id}, which lib meta does not list`
  }
  yield* Effect.forEach(
    names.values(),
    (name) =>
      Effect.flatMap(
        Effect.matchEffect(lib.tapes.get(name), {
          onFailure: (error) => (lib.guard.cause === undefined ? Effect.succeed(error.message) : Effect.fail(error)),
          onSuccess: (tape) => Effect.as(flush(lib, tape, file.anchor.batch), undefined)
        }),
        (why) =>
          Effect.sync(() => {
            stuck ??= why
          })
      ),
    { concurrency: 8, discard: true }
  )
  return stuck
})

const isTakenOver = (lib: LibHandle, file: DynamicFile, id: string, name: string | undefined) =>
  name === undefined
    ? Effect.succeed(false)
    : Effect.match(lib.tapes.get(name), {
        onFailure: () => false,
        onSuccess: ({ state }) => file.parts.get(id)!.every((part) => part.batch <= state.lastBatch)
      })

const drop = (lib: LibHandle, file: DynamicFile): Effect.Effect<void, WriterPoisoned> =>
  Effect.andThen(file.writer?.close ?? Effect.void, lib.guard.step(lib.root.journal.drop(file.dynamic)))

/** I8: moves the checkpoints of a file to lib meta, before the file is dropped. Those of later files still count. */
const foldCheckpoints = (lib: LibHandle, file: DynamicFile): Effect.Effect<void, WriterPoisoned> =>
  Effect.forEach(
    file.checkpoints,
    ([consumer, checkpoint]) => {
      const listed = lib.meta.state.checkpoints.get(consumer)
      if (listed !== undefined && listed.at === checkpoint.at && isSame(listed, checkpoint)) return Effect.void
      return lib.meta.append(checkpointRecord(consumer, checkpoint))
    },
    { discard: true }
  )

/**
 * Flushes everything, runs `afterFlushes`, and records the clean end of the lib. Returns the reason if that is not
 * possible.
 */
export const closeClean = Effect.fnUntraced(function* (
  lib: LibHandle,
  afterFlushes: Effect.Effect<void>
): Effect.fn.Return<string | undefined, FlushError | LoadError> {
  yield* lib.guard.checkLock
  // I2: after a clean close the next writer trusts every file, so everything inherited from an unclean writer must have
  // been rewritten by now.
  if (lib.tapes.unclean) {
    for (const { name } of lib.meta.state.tapes.values()) {
      const loaded = yield* Effect.result(lib.tapes.get(name))
      if (loaded._tag === "Failure") return loaded.failure.message
    }
  }
  for (const file of lib.journal.files) {
    const stuck = yield* flushFile(lib, file)
    if (stuck !== undefined) return stuck
  }
  yield* afterFlushes
  for (const file of lib.journal.files) yield* foldCheckpoints(lib, file)
  yield* lib.meta.append({ $type: "LiteLib.Clean", anchor: lib.journal.durable })
  for (const file of lib.journal.files) yield* drop(lib, file)
  lib.journal.end()
  return undefined
})

/** Returns whether the current dynamic segment should be closed now. */
export const isDue = (lib: LibHandle): Effect.Effect<boolean> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const { journal, settings } = lib
    // After the clean end there is no file.
    const current = journal.files.at(-1)
    if (current === undefined || !current.hasBatches) return false
    return current.size >= settings.closeBytes || now - (current.firstBatchAt ?? now) >= settings.closeAfterMillis
  })
