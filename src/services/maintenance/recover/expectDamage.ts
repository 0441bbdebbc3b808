/** Finds out whether a lib is damaged, before it is recovered. */
import * as Effect from "effect/Effect"
import {
  type BackupUnfinished,
  type LibInvalid,
  type LibIsBackup,
  type MetaInvalid,
  NotDamaged,
  type UnsupportedFormat
} from "../../../domain/format/Errors.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import type { LibState } from "../../../domain/meta/LibState.ts"
import { inspectLib } from "../../lib/inspectLib.ts"
import { readLibMeta } from "../../lib/readLibMeta.ts"
import { refuseBackup } from "../../lib/refuseBackup.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"

/** What is left of lib meta. */
export interface DamagedLib {
  /** Lib meta, if it can be read. */
  readonly state: LibState | undefined
  /** Whether it is known to list everything that it ever did. */
  readonly isWhole: boolean
}

/**
 * Fails with `NotDamaged` if the lib opens. Returns lib meta if it, or a dynamic segment, is damaged or has lost its end.
 * Any other reason why the lib does not open is the error.
 */
export const expectDamage = Effect.fnUntraced(function* (
  root: Root,
  limits: Partial<Limits> | undefined
): Effect.fn.Return<
  DamagedLib,
  StorageError | UnsupportedFormat | MetaInvalid | LibInvalid | NotDamaged | LibIsBackup | BackupUnfinished
> {
  const read = yield* Effect.result(readLibMeta(root, limits))
  if (read._tag === "Failure") {
    const { failure } = read
    // Meta may be good although it cannot be read now, not by this version, or only with a higher limit.
    const isTooLarge = failure._tag === "MetaInvalid" && failure.line === 0
    if (failure._tag === "StorageError" || failure._tag === "UnsupportedFormat" || isTooLarge) return yield* failure
    // An unfinished copy lacks events that no file of it has.
    if (failure._tag === "LibInvalid") return yield* failure
    return { state: undefined, isWhole: false }
  }
  if (read.success === undefined) return { state: undefined, isWhole: false }
  yield* refuseBackup(root, read.success.state)
  const inspected = yield* Effect.result(inspectLib(root, read.success))
  if (inspected._tag === "Success") return yield* new NotDamaged({ what: root.location })
  // What cannot be read now may be good.
  if (inspected.failure._tag === "StorageError") return yield* inspected.failure
  return { state: read.success.state, isWhole: !mayBeStale.has(inspected.failure._tag) }
})

/** Errors that an older lib meta, or one that lost its end, may cause: consumers may be listed in what it lacks. */
const mayBeStale: ReadonlySet<string> = new Set(["MetaCorrupt", "AckedDataLost"])
