/** Options of opening a lib, and what they mean. */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import {
  aCountOrInfinity,
  printable,
  type Check,
  type Checks,
  isCount,
  oneOf,
  unless
} from "../domain/format/checkOptions.ts"
import { aDuration } from "./base/checkCall.ts"
import { closeBytesCeiling, type Limits } from "../domain/format/Limits.ts"
import { limitsCheck } from "../domain/format/limitsCheck.ts"
import type { Placement } from "../domain/format/Placement.ts"
import { defaultSchedule } from "./Sessions.ts"

const MiB = 1024 * 1024

/** Options of opening a lib. */
export interface Options {
  /**
   * `write` (the default) takes the writer's lock, and creates the lib if it does not exist and `create` allows it. `read` takes no lock and
   * writes nothing; it can be used while a writer has the lib open.
   */
  readonly mode?: "write" | "read"
  /**
   * Whether the lib may be new. `if-absent` (the default) creates it in an absent or empty place, with absent folders on
   * the way. `never` opens an existing lib only, and fails with `LibNotFound` otherwise: use it for a lib that must be
   * there, so that a misspelt path or a volume that is not mounted is not a new, empty lib. `must` creates a lib, and
   * fails with `LibExists` if there is one. A reader never creates a lib, so `must` is refused with `mode: "read"`.
   */
  readonly create?: "if-absent" | "never" | "must"
  /** Limits of a new lib. An existing lib must have the given ones, else opening fails with `SettingsMismatch`. */
  readonly limits?: Partial<Limits>
  /**
   * Placement of streams on tapes in a new lib. An existing lib must have the given one, else opening fails with
   * `SettingsMismatch`. Default: `category-or-shared`.
   */
  readonly placement?: Placement
  /** Size in bytes at which a dynamic segment is closed. Default: 64 MiB; at most 512 MiB. */
  readonly closeBytes?: number
  /** Age at which a dynamic segment is closed, counted from its first batch. Default: 60 seconds. */
  readonly closeAfter?: Duration.Input
  /**
   * Number of dynamic segments that may wait to be closed. If there are more, appends wait too. Default: 4; at least 1.
   */
  readonly backlogMax?: number
  /**
   * When the writer merges small segments at the end of a tape. By default their sizes decide: segments of less than a
   * 16th of `closeBytes` (4 MiB) are merged once together they have four times the bytes of the first of them. So a tape
   * has only a few small segments, and a record is copied once for each power of four. The merges after one close copy
   * at most a quarter of `closeBytes` (16 MiB), in the background; those of a clean close a 64th (1 MiB). Segments that
   * a repack compressed, deduplicated or put into shard folders are left.
   *
   * A number, at least 2: in the background after a close, once so many segments at the end have less than half of
   * `closeBytes`, merges all of them. `false`: never. `Tape.repack` merges on demand.
   */
  readonly mergeSegments?: number | false
  /**
   * Whether the lib opens itself again after its writer has stopped, as `reopen` of the service does. The first attempt
   * follows at once. After a failed one, and if the writer stops again within 30 seconds, the schedule says when to try
   * again; once it ends, only a call of `reopen` opens the lib. With `true` it waits 100 ms, then twice as long each
   * time, up to 30 seconds, and never ends. A reader ignores this. Default: false.
   */
  readonly reopen?: boolean | Schedule.Schedule<unknown>
}

/** Whether it can be the placement of a lib is checked where the location is known. */
const placementCheck: Check = (value) =>
  value === null ? { below: "", why: "must be a placement, not null" } : printable(value)

export const libChecks = {
  mode: oneOf("write", "read"),
  create: oneOf("if-absent", "never", "must"),
  limits: limitsCheck,
  placement: placementCheck,
  closeBytes: aCountOrInfinity,
  closeAfter: aDuration,
  backlogMax: unless(
    (value) => aCountOrInfinity(value) === undefined && Number(value) >= 1,
    "a whole number, 1 or more"
  ),
  mergeSegments: unless(
    (value) => value === false || (isCount(value) && value >= 2),
    "a whole number, 2 or more, or false"
  ),
  reopen: unless((value) => typeof value === "boolean" || Schedule.isSchedule(value), "true, false or a Schedule")
} satisfies Checks<Options>

/** Returns the settings of the writer. */
export const settingsOf = (options: Options) => ({
  closeBytes: Math.min(closeBytesCeiling, options.closeBytes ?? 64 * MiB),
  closeAfterMillis: Duration.toMillis(Duration.fromInputUnsafe(options.closeAfter ?? "60 seconds")),
  backlogMax: options.backlogMax ?? 4,
  mergeSegments: options.mergeSegments
})

/** Returns when a lib opens itself again; `undefined`: only `reopen` opens it. */
export const scheduleOf = (reopen: Options["reopen"]): Schedule.Schedule<unknown> | undefined => {
  if (reopen === undefined || reopen === false) return undefined
  if (reopen === true) return defaultSchedule
  return reopen
}
