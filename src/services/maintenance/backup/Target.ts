/**
 * The place that a backup or a restore writes to. It holds lib meta from the first step on, with the mark of a backup, so
 * that nobody takes it for a lib before it is whole; the last step replaces that lib meta.
 */
import * as Effect from "effect/Effect"
import {
  type BackupUnfinished,
  type LibInvalid,
  type LibLocked,
  MetaInvalid,
  NotABackup,
  OtherHistory,
  type ReadOnly
} from "../../../domain/format/Errors.ts"
import { libMetaFile } from "../../../domain/format/Format.ts"
import { momentOf, refoldUnfinished, whyForeign } from "../../../domain/meta/BackupMetas.ts"
import { isUnfinished } from "../../../domain/meta/LibHistory.ts"
import type { LibState, TapeListing } from "../../../domain/meta/LibState.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../../domain/meta/SystemRecord.ts"
import type { TaraSONError } from "../../../domain/json/TaraSONError.ts"
import { attempt } from "../../base/attempt.ts"
import type { LibMetaError } from "../../lib/readLibMeta.ts"
import { readLibMeta } from "../../lib/readLibMeta.ts"
import { markedRecords } from "../../lib/refuseBackup.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"

/** A place that is being written to. */
export interface Target {
  readonly root: Root
  /** Version of its lib meta. */
  readonly version: string
  /** Number of records that each tape has in the backup that is there, by tape id. These must stay readable. */
  readonly marked: ReadonlyMap<string, number>
  /** Tapes that its lib meta lists: their folders are durable. */
  readonly tapes: ReadonlyMap<string, TapeListing>
  /** Whether its lib meta shows no moment yet. */
  readonly isUnfinished: boolean
  /** Whether an earlier attempt left something here. */
  readonly resumed: boolean
}

/** Errors of a place that cannot be used. */
export type TargetError =
  | StorageError
  | LibMetaError
  | LibInvalid
  | LibLocked
  | ReadOnly
  | NotABackup
  | OtherHistory
  | BackupUnfinished

/** Whether the place may hold a backup, which is then continued, or must be new. */
export type Purpose = "backup" | "restore"

/** Decides what to do with the place at `root`, and begins there. `state` is that of the moment to be written. */
export const begin = Effect.fnUntraced(function* (
  root: Root,
  state: LibState,
  purpose: Purpose,
  time: string
): Effect.fn.Return<Target, TargetError> {
  const { location } = root
  const read = yield* readLibMeta(root, state.limits)
  if (read === undefined) return yield* writeUnfinished(root, undefined, state, new Map(), time)
  const there = read.state
  if (there.backup === undefined) {
    const why = `it is a lib that can be written to. A ${purpose} needs an empty place${purpose === "backup" ? ", or an earlier backup of the same lib" : ""}.`
    return yield* new NotABackup({ location, why })
  }
  if (isUnfinished(there)) {
    // Written again (I2): whoever wrote it may have been stopped before it was durable.
    if (there.lib === state.lib) return yield* writeUnfinished(root, read.version, state, there.tapes, time)
    return yield* new OtherHistory({ location, why: `an interrupted ${purpose} of lib ${there.lib} is there` })
  }
  if (purpose === "restore") {
    return yield* new NotABackup({ location, why: "it is a backup. A restore needs an empty place." })
  }
  const foreign = whyForeign(state, state.anchor, momentOf(there)) ?? whyOtherTape(state, there)
  if (foreign !== undefined) return yield* new OtherHistory({ location, why: foreign })
  const marked = markedRecords(there) ?? new Map<string, number>()
  return { root, version: read.version, marked, tapes: there.tapes, isUnfinished: false, resumed: false }
})

const writeUnfinished = (
  root: Root,
  version: string | undefined,
  state: LibState,
  tapes: Target["tapes"],
  time: string
): Effect.Effect<Target, StorageError> => {
  const { bytes } = MetaChain.write<LibRecord>(null, refoldUnfinished(state, [...tapes.values()], time))
  return Effect.map(root.meta.replace(undefined, version, bytes), (written) => ({
    root,
    version: written,
    marked: new Map(),
    tapes,
    isUnfinished: true,
    resumed: version !== undefined
  }))
}

/**
 * Creates the folders of tapes that the target does not list, and lists them if it shows no moment yet. A folder that is
 * there but not listed may not be durable, so it is moved aside (I2).
 */
export const createFolders = Effect.fnUntraced(function* (
  target: Target,
  state: LibState,
  time: string
): Effect.fn.Return<Target, StorageError> {
  const missing = [...state.tapes.values()].filter(({ name, tape }) => target.tapes.get(name)?.tape !== tape)
  // An empty meta marks a tape that is not finished, as in a clone: nobody adopts it.
  for (const { name } of missing) yield* target.root.tapes.create(name, new Uint8Array(0))
  if (missing.length === 0 || !target.isUnfinished) return target
  const { resumed } = target
  return { ...(yield* writeUnfinished(target.root, target.version, state, state.tapes, time)), resumed }
})

/** A tape that was recovered since has another id, and perhaps fewer records. The backup there would lose them. */
const whyOtherTape = (state: LibState, there: LibState): string | undefined => {
  for (const { name, tape } of there.tapes.values()) {
    if (state.tapes.get(name)?.tape !== tape) return `its tape ${name} was recovered since, under a new id`
  }
  return undefined
}

/** Ends the place with its final lib meta. This is the decision: before it the earlier state counts, after it the new. */
export const finish = (
  { root, version }: Target,
  { limits }: LibState,
  records: ReadonlyArray<Unchained<LibRecord>>
): Effect.Effect<void, StorageError | MetaInvalid> =>
  Effect.gen(function* () {
    const tooLarge = (why: string) =>
      new MetaInvalid({ meta: libMetaFile, line: records.length, why: `${why}. Use fewer tapes.` })
    const { bytes } = yield* Effect.mapError(
      attempt<MetaChain.Written, TaraSONError>(() => MetaChain.write<LibRecord>(null, records)),
      (error) => tooLarge(`the mark of a backup has no room: ${error.message}`)
    )
    if (bytes.length > limits.metaBytesMax) {
      return yield* tooLarge(`it would have ${bytes.length} bytes, the limit is ${limits.metaBytesMax}`)
    }
    yield* root.meta.replace(undefined, version, bytes)
  })
