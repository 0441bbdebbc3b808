/**
 * One moment of a lib: all tapes at the same acknowledged batch. Afterwards the files may change as they like, because
 * the records of a tape up to a number of them never do.
 */
import * as Effect from "effect/Effect"
import { DynamicCorrupt, type LibClosed, type ReaderBusy } from "../../../domain/format/Errors.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import * as DynamicSegment from "../../../domain/journal/DynamicSegment.ts"
import type { Json } from "../../../domain/json/TaraSON.ts"
import type { LibState, TapeListing } from "../../../domain/meta/LibState.ts"
import type { Anchor } from "../../../domain/meta/SystemRecord.ts"
import type { DynamicFile, LivePart } from "../../journal/DynamicFile.ts"
import { checkpointsOf } from "../../lib/checkpoints.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { refreshReader } from "../../lib/openReader.ts"
import type { OpenError } from "../../lib/OpenError.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { LoadError } from "../../lib/TapeRegistry.ts"
import type { StorageError } from "../../ports/Storage.ts"

/** A tape at the moment. */
export interface TapeMoment {
  readonly listed: TapeListing
  readonly tape: OpenTape
  /** Number of its records. */
  readonly end: number
  readonly userMeta: ReadonlyMap<string, Json>
}

/**
 * A lib at one moment. Its state has no live dynamic segments that matter: `anchor`, `tapes` and `checkpoints` replace
 * them.
 */
export interface Moment {
  readonly state: LibState
  readonly tapes: ReadonlyArray<TapeMoment>
}

/** Errors of finding the moment. */
export type MomentError = LoadError | OpenError | ReaderBusy | LibClosed

/** Returns the moment of the last acknowledged batch. A reader looks for that batch first. */
export const takeMoment = Effect.fnUntraced(function* (lib: LibHandle): Effect.fn.Return<Moment, MomentError> {
  if (lib.root.mode === "read") yield* refreshReader(lib)
  return yield* showMoment(lib)
})

/** Returns the moment that a lib shows. */
export const showMoment = (lib: LibHandle): Effect.Effect<Moment, MomentError> =>
  Effect.gen(function* () {
    for (const name of lib.meta.state.tapes.keys()) yield* lib.tapes.get(name)
    // From here in one step: no batch is acknowledged, and no meta changes.
    // A copy, because a new tape is added to the maps of a running lib.
    const { tapes: listings, roles } = lib.meta.state
    const checkpoints = checkpointsOf(lib)
    const state = { ...lib.meta.state, tapes: new Map(listings), roles: new Map(roles), checkpoints }
    const { durable, files } = lib.journal
    const tapes: Array<TapeMoment> = []
    for (const listed of state.tapes.values()) {
      const tape = lib.tapes.known(listed.name)
      if (tape !== undefined) tapes.push({ listed, tape, end: tape.records, userMeta: tape.state.userMeta })
    }
    // A tape was created while the others were loaded.
    if (tapes.length < state.tapes.size) return yield* showMoment(lib)
    const hash = yield* hashOf(lib, durable, files)
    return hash === undefined ? yield* takeMoment(lib) : { state: { ...state, anchor: { ...durable, hash } }, tapes }
  })

/**
 * Returns the hash of the mark of the last batch. A reader that saw more than it shows reads that mark again. `undefined`
 * if the file is gone: the batch is in segments now.
 */
const hashOf = Effect.fnUntraced(function* (
  { meta, root }: LibHandle,
  { batch, hash }: Anchor,
  files: ReadonlyArray<DynamicFile>
): Effect.fn.Return<string | undefined, StorageError | DynamicCorrupt> {
  if (root.mode === "write" || batch === meta.state.anchor.batch) return hash
  let last: LivePart | undefined
  for (const part of files.flatMap((file) => [...file.parts.values()].flat())) {
    if (part.batch === batch && (last === undefined || part.offset > last.offset)) last = part
  }
  if (last === undefined) return hash
  const { dynamic } = last.file
  const offset = last.offset + last.bytes
  const bytes = yield* Effect.catchIf(
    root.journal.read(dynamic, offset, last.file.size - offset),
    (error) => error.reason === "not-found",
    () => Effect.succeed(undefined)
  )
  if (bytes === undefined) return undefined
  const mark = DynamicSegment.markAt(bytes)
  if (mark?.batch === batch) return mark.hash
  const why = `the mark of batch ${batch} is damaged`
  return yield* new DynamicCorrupt({ file: dynamicName(dynamic), offset, why })
})
