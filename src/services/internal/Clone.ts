/**
 * Clone: a new tape with the same logical stream, in this lib or another one. Files are copied byte by byte and checked
 * on the way; the new tape has an identity of its own and remembers where it came from.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { type MetaInvalid, SegmentCorrupt, TapeExists } from "../../domain/Errors.ts"
import { formatVersion } from "../../domain/Format.ts"
import type { TapeListing } from "../../domain/LibState.ts"
import * as Merkle from "../../domain/Merkle.ts"
import * as MetaChain from "../../domain/MetaChain.ts"
import { checkTapeName, type InvalidTapeName } from "../../domain/Names.ts"
import type { Segment, TapeRecord, Unchained } from "../../domain/SystemRecord.ts"
import type { StorageError } from "../Storage.ts"
import { attempt } from "./attempt.ts"
import { flush, type FlushError } from "./Closing.ts"
import { appendLibMeta, type Core, guard, type WriteError, writeStep } from "./Core.ts"
import type { OpenTape } from "./OpenTape.ts"
import { Counter, type OnProgress } from "./Progress.ts"
import { readSegment, type SegmentError } from "./SegmentFile.ts"

export interface CloneOptions {
  readonly onProgress?: OnProgress
}

export type CloneError =
  | WriteError
  | FlushError
  | SegmentError
  | StorageError
  | MetaInvalid
  | TapeExists
  | InvalidTapeName

/** Clones `tape` of `source` as `name` into `target`, which may be the same lib. */
export const clone = (
  source: Core,
  tape: OpenTape,
  target: Core,
  name: string,
  options: CloneOptions = {}
): Effect.Effect<TapeListing, CloneError> =>
  Effect.gen(function* () {
    yield* guard(target)
    yield* attempt<string, InvalidTapeName>(() => checkTapeName(name))
    // What a reader sees of a live lib may be in no segment yet: it cannot be cloned file by file.
    if (source.root.mode === "write") yield* flush(source, tape, source.durable.batch)
    return yield* Effect.acquireUseRelease(
      reserve(target, name),
      // No repack may take the files away while they are copied.
      () => tape.repacking.withPermit(build(source, tape, target, name, options.onProgress)),
      () =>
        Effect.sync(() => {
          target.building.delete(name)
        })
    )
  })

/** Nobody else makes a tape of that name meanwhile. */
const reserve = (core: Core, name: string): Effect.Effect<void, TapeExists> =>
  // Under the lock: a tape that is being made has it.
  core.loadLock.withPermit(
    Effect.suspend(() => {
      if (core.state.tapes.has(name) || core.building.has(name)) return Effect.fail(new TapeExists({ tape: name }))
      core.building.add(name)
      return Effect.void
    })
  )

const build = (
  source: Core,
  tape: OpenTape,
  target: Core,
  name: string,
  onProgress: OnProgress | undefined
): Effect.Effect<TapeListing, CloneError> =>
  Effect.gen(function* () {
    const { segments, tape: originTape, lib: originLib } = tape.state
    const total = {
      records: segments.reduce((sum, segment) => sum + segment.records, 0),
      bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0)
    }
    const counter = new Counter(total, onProgress)
    // Without a first record this is no tape yet: interrupted, it is a folder that nobody lists or adopts.
    yield* target.root.createTape(name, new Uint8Array(0))
    for (const segment of segments) {
      yield* guard(target)
      yield* copySegment(source, tape.name, segment, target, name)
      yield* counter.add(segment.records, segment.bytes)
    }
    const merkle = segments.at(-1)?.merkle ?? Merkle.empty
    const origin = {
      kind: "cloned" as const,
      lib: originLib,
      records: merkle.size,
      root: Merkle.root(merkle),
      tape: originTape
    }
    return yield* target.loadLock.withPermit(Effect.uninterruptible(list(target, name, segments, origin)))
  })

/** Copies a file as it is, and sees that it is what meta says. */
const copySegment = (source: Core, from: string, segment: Segment, target: Core, to: string) =>
  target.root.writeSegment(to, segment.name, (append) =>
    Effect.gen(function* () {
      const digest = createHash("sha256")
      for (let offset = 0; offset < segment.bytes;) {
        const length = Math.min(1024 * 1024, segment.bytes - offset)
        const chunk = yield* readSegment(source, from, segment.name, offset, length)
        digest.update(chunk)
        yield* append(chunk)
        offset += chunk.length
        yield* Effect.yieldNow
      }
      if (digest.digest("hex") !== segment.sha256) {
        const why = "its SHA-256 is not the one in meta"
        return yield* new SegmentCorrupt({ tape: from, segment: segment.name, offset: 0, why })
      }
    })
  )

/** Meta, then the lib's word for it: in this order, so that a listed tape has its meta. */
const list = (
  core: Core,
  name: string,
  segments: ReadonlyArray<Segment>,
  origin: Extract<Unchained<TapeRecord>, { readonly $type: "LiteTape.Meta" }>["origin"]
): Effect.Effect<TapeListing, CloneError> =>
  Effect.gen(function* () {
    yield* guard(core)
    const now = yield* Clock.currentTimeMillis
    const tape = core.uuid(now)
    // Batch numbers belong to a lib: all that this one has committed so far is no part of the new tape.
    const lastBatch = core.durable.batch
    const written = MetaChain.write<TapeRecord>(
      null,
      [
        {
          $type: "LiteTape.Meta",
          created: new Date(now).toISOString(),
          format: formatVersion,
          lastBatch,
          lib: core.state.lib,
          origin,
          role: "records",
          tape
        },
        ...segments.map((segment) => ({ $type: "LiteTape.Segment" as const, ...segment, lastBatch }))
      ],
      core.state.limits
    )
    const empty = yield* core.root.readMeta(name)
    yield* writeStep(core, core.root.replaceMeta(name, empty?.version, written.bytes))
    const listed: TapeListing = { name, tape, role: "records", state: "active" }
    yield* appendLibMeta(core, { $type: "LiteLib.Tape", ...listed })
    return listed
  })
