/**
 * The checkpoint of an append: what a consumer has done is committed together with the events that answer it. Checked
 * while the batch is formed, on durable plus pending state, so that no event is answered twice.
 */
import * as Effect from "effect/Effect"
import { CheckpointLost, CheckpointNotIncreased } from "../../domain/event/CheckpointErrors.ts"
import { NotInHistory } from "../../domain/event/EventErrors.ts"
import { isArray } from "../../domain/base/isArray.ts"
import {
  aCount,
  aFlag,
  type Check,
  type Checks,
  isCount,
  nested,
  notUndefined,
  shown,
  unless,
  unreadable
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument, type MetaInvalid } from "../../domain/format/Errors.ts"
import {
  type CheckpointState,
  consumerPattern,
  type DoneRange,
  endOf,
  isDone,
  isSame,
  merged,
  normalized,
  rangesMax
} from "../../domain/meta/Checkpoint.ts"
import { checkpointOf, isUnknown } from "../lib/checkpoints.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import type { CommitGroup } from "../write/CommitGroup.ts"

/**
 * How far a consumer is once an append is durable. What it names is added to what the lib has: the append fails with
 * `CheckpointNotIncreased` if `position` is done already, or if nothing is added.
 */
export interface AppendCheckpoint {
  /** Name of the consumer: 1 to 64 lower-case letters, digits, `-` and `_`, beginning with a letter or digit. */
  readonly consumer: string
  /** Its version. A higher one than the lib has begins anew, a lower one is refused. Default: 1. */
  readonly version?: number
  /** Position of the event that the append answers. It must not be done yet. */
  readonly position?: number
  /** Every position below is done too, such as those of events that the consumer does not handle. Default: 0. */
  readonly low?: number
  /** More positions that are done, as ranges whose second position is excluded. Default: none. */
  readonly done?: ReadonlyArray<readonly [from: number, to: number]>
  /** Whether to replace what the lib has instead of adding to it: the consumer continues there. Default: false. */
  readonly reset?: boolean
}

const isVersion = (value: unknown): boolean => isCount(value) && value >= 1 && value <= 2 ** 48

const isRange = (value: unknown): boolean =>
  isArray(value) && value.length === 2 && isCount(value[0]) && isCount(value[1]) && value[0] < value[1]

const areRanges = (value: unknown): boolean => isArray(value) && value.every(isRange)

const checks = {
  consumer: unless(
    (value) => typeof value === "string" && consumerPattern.test(value),
    'a name of 1 to 64 lower-case letters, digits, "-" and "_"'
  ),
  version: unless(isVersion, "a whole number from 1 to 2^48"),
  position: aCount,
  low: aCount,
  done: unless(areRanges, "an array of [from, to] with from < to"),
  reset: aFlag
} satisfies Checks<AppendCheckpoint>

/** Checks a checkpoint as an option. `planCheckpoint` checks the rest, once. */
export const checkpointCheck: Check = notUndefined

/** A checkpoint that was checked and copied. */
export interface PlannedCheckpoint {
  readonly call: string
  readonly consumer: string
  readonly position: number | undefined
  readonly given: CheckpointState
  readonly isReset: boolean
}

/**
 * Copies a checkpoint, so that its caller may change it meanwhile.
 *
 * @throws InvalidArgument
 */
export const planCheckpoint = (call: string, given: AppendCheckpoint): PlannedCheckpoint => {
  const refuse = (below: string, why: string) =>
    new InvalidArgument({ call, argument: `options.checkpoint${below}`, why })
  if (given === null) throw refuse("", `must be an object, not ${shown(given)}`)
  let copy: AppendCheckpoint
  try {
    const done = given.done
    copy = { ...given, ...(isArray(done) ? { done: done.map((range) => (isArray(range) ? [...range] : range)) } : {}) }
  } catch {
    throw refuse("", unreadable)
  }
  const wrong = nested(checks)(typeof given === "object" && !isArray(given) ? copy : given)
  if (wrong !== undefined) throw refuse(wrong.below, wrong.why)
  const { consumer, done = [], low = 0, position, reset = false, version = 1 } = copy
  if (consumer === undefined) throw refuse(".consumer", "is missing")
  const ranges: ReadonlyArray<DoneRange> = position === undefined ? done : [...done, [position, position + 1]]
  return { call, consumer, position, given: normalized(version, low, ranges), isReset: reset }
}

/** Reasons to refuse a checkpoint. */
export type CheckpointRefusal = CheckpointNotIncreased | CheckpointLost | NotInHistory | InvalidArgument

/** Returns the checkpoint that the batch gets, or why the append is refused. */
export const judgeCheckpoint = (
  lib: LibHandle,
  group: CommitGroup,
  { call, consumer, given, isReset, position }: PlannedCheckpoint
): CheckpointState | CheckpointRefusal => {
  const stored = group.checkpoint(consumer) ?? checkpointOf(lib, consumer)
  const end = endOf(given)
  if (end > group.position) {
    const why = `the checkpoint of consumer ${consumer} is ahead of the lib, whose next event gets position ${group.position}`
    return new NotInHistory({ location: lib.location, after: end - 1, why })
  }
  const isNew = isReset || stored.version < given.version
  if (!isReset && isUnknown(stored, given.version)) return lost(lib, consumer, stored)
  const next = isNew ? given : merged(stored, given)
  const isRepeat = !isNew && ((position !== undefined && isDone(stored, position)) || isSame(stored, next))
  if (stored.version > given.version && !isReset) return notIncreased(consumer, stored, position)
  if (isRepeat) return notIncreased(consumer, stored, position)
  const most = rangesMax(lib.meta.limits)
  if (next.above.length <= most) return next
  const why = `would leave the consumer with ${next.above.length} ranges of done positions, of which a lib keeps at most ${most}: finish the event at position ${next.low} first`
  return new InvalidArgument({ call, argument: "options.checkpoint", why })
}

const notIncreased = (consumer: string, { above, low, version }: CheckpointState, position: number | undefined) =>
  new CheckpointNotIncreased({ consumer, position: position ?? null, version, low, done: above })

/** Returns the error of a consumer whose checkpoint is lost. */
export const lost = ({ location }: LibHandle, consumer: string, { low, version }: CheckpointState): CheckpointLost =>
  new CheckpointLost({ location, consumer, low: version === 0 ? null : low })

/** Whether lib meta lists the consumer, so that a mark may name it. */
export const isListed = ({ meta: { state } }: LibHandle, { consumer }: PlannedCheckpoint): boolean =>
  state.checkpoints.has(consumer)

/**
 * Lists a consumer in lib meta before the first mark names it. So a release that knows no checkpoints refuses the lib as a
 * whole, and a recovery knows which consumers there are.
 */
export const listConsumer = (
  lib: LibHandle,
  { consumer }: PlannedCheckpoint
): Effect.Effect<void, MetaInvalid | WriteError> =>
  Effect.andThen(
    lib.guard.check,
    lib.meta.listConsumer(consumer, () => checkpointOf(lib, consumer))
  )
