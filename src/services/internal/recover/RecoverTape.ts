/**
 * Recover: a new tape out of one that lost its meta. It takes the files that are there, in the order of their numbers,
 * and the committed records that are in none of them; it says what is back and what is lost, and guesses nothing.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import {
  type MetaInvalid,
  NotDamaged,
  RecoverAmbiguous,
  type SegmentCorrupt,
  TapeNotFound
} from "../../../domain/Errors.ts"
import * as Event from "../../../domain/Event.ts"
import { formatVersion, newline } from "../../../domain/Format.ts"
import { hashId } from "../../../domain/Hash53.ts"
import type { TapeListing } from "../../../domain/LibState.ts"
import * as Merkle from "../../../domain/Merkle.ts"
import * as MetaChain from "../../../domain/MetaChain.ts"
import { segmentName } from "../../../domain/Names.ts"
import type { Role, Segment, TapeRecord } from "../../../domain/SystemRecord.ts"
import type { StorageError } from "../../Storage.ts"
import { appendLibMeta, type Core, guard, type WriteError, writeStep } from "../Core.ts"
import { readTapeMeta } from "../OpenTape.ts"
import { readRun, runsOf } from "../PartRuns.ts"
import { Counter, type OnProgress } from "../Progress.ts"
import type { SegmentError } from "../SegmentFile.ts"
import { forgetTape } from "../SegmentIndexFile.ts"
import { readWhole } from "../SegmentRecords.ts"
import { SegmentSeal } from "../SegmentSeal.ts"
import { type Tail, tailBehind } from "./DynamicTail.ts"
import { resolve } from "./Overlap.ts"
import { findFiles, type GoodFile, type LostFile } from "./SegmentFiles.ts"

export type { LostFile }

/** What recovery found and did. */
export interface RecoverReport {
  readonly name: string
  /** The new identity. */
  readonly tape: string
  readonly replaces: string
  readonly records: number
  /** Files that are segments of the new tape. */
  readonly segments: ReadonlyArray<string>
  /** Records that were committed and in no file: they have a segment now. */
  readonly fromDynamic: number
  /** Files that are damaged or missing; what they held is not in the new tape. They are left where they are. */
  readonly lost: ReadonlyArray<LostFile>
  /** Files that repeat others: what an interrupted repack had left. */
  readonly dropped: ReadonlyArray<string>
  /** Ordinals of the old tape that nothing holds any more, where that is known. */
  readonly gap: { readonly from: number; readonly to: number } | undefined
}

export type RecoverError =
  | WriteError
  | StorageError
  | SegmentError
  | SegmentCorrupt
  | MetaInvalid
  | TapeNotFound
  | RecoverAmbiguous
  | NotDamaged

/** Recovers a listed tape. The caller sees to it that nothing is committed or closed meanwhile. */
export const recoverTape = Effect.fnUntraced(function* (
  core: Core,
  name: string,
  onProgress?: OnProgress
): Effect.fn.Return<RecoverReport, RecoverError> {
  yield* guard(core)
  const listed = core.state.tapes.get(name)
  if (listed === undefined) return yield* new TapeNotFound({ tape: name })
  if ((yield* Effect.result(readTapeMeta(core, listed)))._tag === "Success") {
    return yield* new NotDamaged({ what: `tape ${JSON.stringify(name)}` })
  }
  const found = yield* findFiles(core, name)
  const resolved = resolve(found.good)
  if ("ambiguous" in resolved) return yield* new RecoverAmbiguous({ tape: name, files: resolved.ambiguous })
  const { kept, dropped } = resolved
  const known = joinPrints(kept)
  const former = core.state.replaced.filter((replaced) => replaced.name === name).map((replaced) => replaced.tape)
  const ids = new Set([listed.tape, ...former])
  const tail = yield* tailBehind(core, name, ids, known, found.lost.length === 0)
  const total = { records: known.length + tail.records, bytes: kept.reduce((sum, file) => sum + file.rawBytes, 0) }
  const counter = new Counter(total, onProgress)
  const segments = yield* describe(core, listed, kept, counter)
  const last = yield* writeTail(core, listed, segments, tail, found.nextNumber)
  if (last !== undefined) segments.push(last)
  const tape = yield* list(core, listed, segments, found.nextNumber)
  return {
    name,
    tape,
    replaces: listed.tape,
    records: segments.reduce((sum, segment) => sum + segment.records, 0),
    segments: segments.map((segment) => segment.name),
    fromDynamic: tail.records,
    lost: found.lost,
    dropped: dropped.map((file) => file.name),
    gap: tail.gap
  }
})

const joinPrints = (files: ReadonlyArray<GoodFile>): Float64Array => {
  const joined = new Float64Array(files.reduce((sum, file) => sum + file.prints.length, 0))
  let at = 0
  for (const { prints } of files) {
    joined.set(prints, at)
    at += prints.length
  }
  return joined
}

/** Reads the files once more, checked by what was found of them, for the Merkle states that meta needs. */
const describe = Effect.fnUntraced(function* (
  core: Core,
  listed: TapeListing,
  files: ReadonlyArray<GoodFile>,
  counter: Counter
): Effect.fn.Return<Array<Segment>, SegmentError> {
  const segments: Array<Segment> = []
  const merkle = new Merkle.Accumulator()
  for (const { name, number, compression, shardEvery, bytes, rawBytes, sha256, same, prints } of files) {
    const described = {
      bytes,
      compression,
      firstOrdinal: merkle.size,
      lastBatch: core.durable.batch,
      name,
      number,
      rawBytes,
      records: prints.length,
      sha256,
      state: "closed" as const,
      ...(same === 0 ? {} : { same }),
      ...(shardEvery === undefined ? {} : { shardEvery })
    }
    yield* readWhole(core, listed.name, listed.role, { ...described, merkle: Merkle.empty }, (line) => merkle.add(line))
    segments.push({ ...described, merkle: merkle.state() })
    yield* counter.add(prints.length, rawBytes)
  }
  return segments
})

/** Puts the committed records that were in no file into a segment of their own, before anything says that it exists. */
const writeTail = Effect.fnUntraced(function* (
  core: Core,
  listed: TapeListing,
  segments: ReadonlyArray<Segment>,
  tail: Tail,
  number: number
): Effect.fn.Return<Segment | undefined, WriteError> {
  if (tail.records === 0) return undefined
  const before = segments.at(-1)
  const name = segmentName({ number, compression: "none", shardEvery: 0 })
  const seal = new SegmentSeal(listed.role, before?.merkle)
  const { index: _, ...sealed } = yield* writeStep(
    core,
    core.root.writeSegment(listed.name, name, (append) =>
      Effect.gen(function* () {
        let skip = tail.skip
        for (const run of runsOf(tail.parts, 512 * 1024)) {
          for (const lines of yield* readRun(core, listed.name, run)) {
            const rest = withoutFirst(lines, skip)
            skip = 0
            seal.add(rest, keysOf(listed.role, rest))
            yield* append(rest)
          }
          yield* Effect.yieldNow
        }
        return seal.finish()
      })
    )
  )
  return {
    ...sealed,
    compression: "none",
    firstOrdinal: before === undefined ? 0 : before.firstOrdinal + before.records,
    lastBatch: core.durable.batch,
    name,
    number,
    rawBytes: sealed.bytes,
    state: "closed"
  }
})

const withoutFirst = (lines: Uint8Array, count: number): Uint8Array => {
  let start = 0
  for (let line = 0; line < count; line++) start = lines.indexOf(newline, start) + 1
  return lines.subarray(start)
}

const keysOf = (role: Role, lines: Uint8Array) => {
  if (role === "records") return undefined
  const keys = Buffer.from(lines)
    .toString("utf8")
    .split("\n")
    .slice(0, -1)
    .map((text) => {
      const { stream, revision, position, id } = Event.decodeLine(Buffer.from(text))
      return { stream, revision, position, idHash: hashId(stream, id) }
    })
  return (n: number) => keys[n]!
}

/** The lib's word first: a crash before the meta is in place leaves a tape without one, which can be recovered again. */
const list = (
  core: Core,
  listed: TapeListing,
  segments: ReadonlyArray<Segment>,
  nextNumber: number
): Effect.Effect<string, WriteError | StorageError> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const tape = core.uuid(now)
      const { name, role, state } = listed
      yield* appendLibMeta(core, { $type: "LiteLib.Tape", name, role, state, tape, replaces: listed.tape })
      const written = MetaChain.write<TapeRecord>(
        null,
        [
          {
            $type: "LiteTape.Meta",
            created: new Date(now).toISOString(),
            format: formatVersion,
            lastBatch: core.durable.batch,
            lib: core.state.lib,
            nextNumber: Math.max(1, nextNumber),
            origin: { kind: "recovered", tape: listed.tape },
            role,
            tape
          },
          ...segments.map((segment) => ({ $type: "LiteTape.Segment" as const, ...segment }))
        ],
        core.state.limits
      )
      const damaged = yield* core.root.readMeta(name)
      if (damaged !== undefined) yield* core.root.setAside(`${name}.tape.meta.jsonl.quarantine`, damaged.bytes)
      yield* writeStep(core, core.root.replaceMeta(name, damaged?.version, written.bytes))
      core.tapes.delete(name)
      forgetTape(core, name)
      return tape
    })
  )
