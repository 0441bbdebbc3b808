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
import { formatVersion, tapeMetaFile } from "../../../domain/Format.ts"
import type { TapeListing } from "../../../domain/LibState.ts"
import * as Merkle from "../../../domain/Merkle.ts"
import * as MetaChain from "../../../domain/MetaChain.ts"
import { segmentName } from "../../../domain/Names.ts"
import type { Role, Segment, TapeRecord } from "../../../domain/SystemRecord.ts"
import * as TapeState from "../../../domain/TapeState.ts"
import type { StorageError } from "../../Storage.ts"
import { appendLibMeta, type Core, guard, whileOpen, type WriteError, writeStep } from "../Core.ts"
import { keysOfEvents } from "../eventKeys.ts"
import { OpenTape, partsBehind, readTapeMeta } from "../OpenTape.ts"
import { readRun, runsOf } from "../PartRuns.ts"
import { Counter, type OnProgress } from "../Progress.ts"
import type { SegmentError } from "../SegmentFile.ts"
import { forgetTape } from "../SegmentIndexFile.ts"
import { readWhole } from "../SegmentRecords.ts"
import { SegmentSeal } from "../SegmentSeal.ts"
import { type Tail, tailBehind } from "./DynamicTail.ts"
import { resolve } from "./Overlap.ts"
import { findFiles, type Found, type GoodFile, type LostFile } from "./SegmentFiles.ts"

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
export const recoverTape = (
  core: Core,
  name: string,
  onProgress?: OnProgress
): Effect.Effect<RecoverReport, RecoverError> =>
  Effect.suspend(() => {
    const used = core.tapes.get(name)
    const work = whileOpen(core, recover(core, name, onProgress))
    // Whoever has the tape in use waits, and then goes on with the new one.
    return used === undefined ? work : used.repacking.withPermit(used.lock.withPermit(work))
  })

const recover = Effect.fnUntraced(function* (
  core: Core,
  name: string,
  onProgress?: OnProgress
): Effect.fn.Return<RecoverReport, RecoverError> {
  yield* guard(core)
  const listed = core.state.tapes.get(name)
  if (listed === undefined) return yield* new TapeNotFound({ tape: name })
  const opens = Effect.flatMap(readTapeMeta(core, listed), ({ state }) => partsBehind(core, listed, state))
  if ((yield* Effect.result(opens))._tag === "Success") {
    return yield* new NotDamaged({ what: `tape ${JSON.stringify(name)}` })
  }
  const found = yield* findFiles(core, name, listed.role)
  const resolved = resolve(
    found.good,
    found.lost.map(({ number }) => number)
  )
  if ("ambiguous" in resolved) return yield* new RecoverAmbiguous({ tape: name, files: resolved.ambiguous })
  const { kept, dropped } = resolved
  const prints = joinPrints(kept)
  const former = core.state.replaced.filter((replaced) => replaced.name === name).map((replaced) => replaced.tape)
  const ids = new Set([listed.tape, ...former])
  const tail = yield* tailBehind(core, name, ids, { prints, lost: lostBefore(found.lost, kept.at(-1)) })
  const bytes = sum(kept, (file) => file.rawBytes) + sum(tail.parts, (part) => part.bytes)
  const counter = new Counter({ records: prints.length + tail.records, bytes }, onProgress)
  const segments = yield* describe(core, listed, kept, counter)
  // Far from files that stay and are no segments: their numbers must never look like those of a repack.
  const isClean = found.lost.length === 0 && dropped.length === 0
  const nextNumber = found.highest + 1 + (isClean ? 0 : 3 * TapeState.numbersBeforeRepack)
  const last = yield* writeTail(core, listed, segments, tail, nextNumber, counter)
  if (last !== undefined) segments.push(last)
  const tape = yield* list(core, listed, segments, nextNumber)
  return {
    name,
    tape,
    replaces: listed.tape,
    records: sum(segments, (segment) => segment.records),
    segments: segments.map((segment) => segment.name),
    fromDynamic: tail.records,
    lost: found.lost.map(({ file }) => file),
    dropped: dropped.map((file) => file.name),
    gap: tail.gap
  }
})

const sum = <A>(all: ReadonlyArray<A>, of: (one: A) => number): number => all.reduce((total, one) => total + of(one), 0)

/** Records that lost files in front of the last kept one held; `undefined` where nobody knows it of one of them. */
const lostBefore = (lost: Found["lost"], last: GoodFile | undefined): number | undefined => {
  const before = lost.filter(({ number }) => last !== undefined && number < last.number)
  return before.some(({ file }) => file.records === undefined)
    ? undefined
    : sum(before, ({ file }) => file.records ?? 0)
}

const joinPrints = (files: ReadonlyArray<GoodFile>): Float64Array => {
  const joined = new Float64Array(sum(files, (file) => file.prints.length))
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
  number: number,
  counter: Counter
): Effect.fn.Return<Segment | undefined, WriteError> {
  if (tail.records === 0) return undefined
  const before = segments.at(-1)
  const name = segmentName({ number, compression: "none", shardEvery: 0 })
  const seal = new SegmentSeal(listed.role, before?.merkle)
  const { index: _, ...sealed } = yield* writeStep(
    core,
    core.root.writeSegment(listed.name, name, (append) =>
      Effect.gen(function* () {
        for (const run of runsOf(tail.parts, 512 * 1024)) {
          for (const lines of yield* readRun(core, listed.name, run)) {
            seal.add(lines, keysOf(listed.role, lines))
            yield* append(lines)
          }
          yield* counter.add(
            sum(run, (part) => part.count),
            sum(run, (part) => part.bytes)
          )
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

const keysOf = (role: Role, lines: Uint8Array) => {
  if (role === "records") return undefined
  const keys = keysOfEvents(lines)
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
            nextNumber,
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
      const version = yield* writeStep(core, core.root.replaceMeta(name, damaged?.version, written.bytes))
      forgetTape(core, name)
      const file = `${name}/${tapeMetaFile}`
      const folded = TapeState.fold(file, MetaChain.readTape(file, written.bytes, core.state.limits).records)
      const meta = { state: folded, version, end: written.end, bytes: written.bytes }
      core.tapes.get(name)?.become(new OpenTape(name, meta, []))
      return tape
    })
  )
