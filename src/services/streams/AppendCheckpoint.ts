/**
 * The checkpoint of an append: what a consumer has done is committed together with the events that answer it. Checked
 * while the batch is formed, on durable plus pending state, so that no event is answered twice.
 */
import * as Effect from "effect/Effect"
import { type CheckpointLost, CheckpointNotIncreased } from "../../domain/event/CheckpointErrors.ts"
import { NotInHistory } from "../../domain/event/EventErrors.ts"
import { isArray } from "../../domain/base/isArray.ts"
import { aCount, aFlag, type Checks, isCount, nested, unless, unreadable } from "../../domain/format/checkOptions.ts"
import { InvalidArgument, type MetaInvalid } from "../../domain/format/Errors.ts"
import { type CheckpointState, consumerPattern, type DoneRange, endOf, isSame } from "../../domain/meta/Checkpoint.ts"
import { isDone, merged, normalized, rangesMax } from "../../domain/meta/CheckpointRanges.ts"
import {
  checkpointOf,
  checkpointsOf,
  type ConsumerCheckpoint,
  isUnknown,
  lost,
  shownCheckpoints
} from "../lib/checkpoints.ts"
import type { AppendCheckpoint, GivenCheckpoint } from "./GivenCheckpoint.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import type { CommitGroup } from "../write/CommitGroup.ts"

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

/** Reasons to refuse a checkpoint. */
export type CheckpointRefusal = CheckpointNotIncreased | CheckpointLost | NotInHistory | InvalidArgument

/** The checkpoint of a call, checked. */
export class PlannedCheckpoint {
  readonly #call: string
  readonly consumer: string
  readonly #position: number | undefined
  readonly #given: CheckpointState
  readonly #isReset: boolean

  constructor(call: string, { consumer, done = [], low = 0, position, reset = false, version = 1 }: AppendCheckpoint) {
    const ranges: ReadonlyArray<DoneRange> = position === undefined ? done : [...done, [position, position + 1]]
    this.#call = call
    this.consumer = consumer
    this.#position = position
    this.#given = normalized(version, low, ranges)
    this.#isReset = reset
  }

  /** Returns the checkpoint that the batch gets, or why the append is refused. */
  judge(lib: LibHandle, group: CommitGroup): CheckpointState | CheckpointRefusal {
    const { consumer } = this
    const [given, isReset, position] = [this.#given, this.#isReset, this.#position]
    const stored = group.checkpoint(consumer) ?? checkpointOf(lib, consumer)
    const end = endOf(given)
    if (end > group.position) {
      const why = `the checkpoint of consumer ${consumer} is ahead of the lib, whose next event gets position ${group.position}`
      return new NotInHistory({ location: lib.location, after: end - 1, why })
    }
    if (!isReset && isUnknown(stored, given.version)) return lost(lib, consumer, stored)
    if (!isReset && stored.version > given.version) return notIncreased(consumer, stored, position)
    const isNew = isReset || stored.version < given.version
    const next = isNew ? given : merged(stored, given)
    const isRepeat = !isNew && ((position !== undefined && isDone(stored, position)) || isSame(stored, next))
    if (isRepeat) return notIncreased(consumer, stored, position)
    const most = rangesMax(lib.meta.limits)
    if (next.above.length <= most) return next
    const why = `would leave the consumer with ${next.above.length} ranges of done positions, of which a lib keeps at most ${most}: finish the event at position ${next.low} first`
    return new InvalidArgument({ call: this.#call, argument: "options.checkpoint", why })
  }

  /**
   * Lists the consumer in lib meta before the first mark names it, unless it is listed. So a release that knows no
   * checkpoints refuses the lib as a whole, and a recovery knows which consumers there are.
   */
  list(lib: LibHandle): Effect.Effect<void, MetaInvalid | WriteError> {
    return Effect.suspend(() =>
      lib.meta.state.checkpoints.has(this.consumer)
        ? Effect.void
        : Effect.andThen(
            lib.guard.check,
            lib.meta.listConsumer(this.consumer, () => checkpointOf(lib, this.consumer))
          )
    )
  }
}

/** Checks a checkpoint, and lists its consumer. */
export const planCheckpoint = (
  lib: LibHandle,
  { call, given }: GivenCheckpoint
): Effect.Effect<PlannedCheckpoint, InvalidArgument | MetaInvalid | WriteError> =>
  Effect.suspend((): Effect.Effect<PlannedCheckpoint, InvalidArgument | MetaInvalid | WriteError> => {
    const refuse = (below: string, why: string) =>
      Effect.fail(new InvalidArgument({ call, argument: `options.checkpoint${below}`, why }))
    if (given === unreadable) return refuse("", unreadable)
    const wrong = given === null ? { below: "", why: `must be an object, not null` } : nested(checks)(given)
    if (wrong !== undefined) return refuse(wrong.below, wrong.why)
    if (!Object.hasOwn(given as object, "consumer")) return refuse(".consumer", "is missing")
    const planned = new PlannedCheckpoint(call, given as AppendCheckpoint)
    return Effect.as(planned.list(lib), planned)
  })

const notIncreased = (consumer: string, { above, low, version }: CheckpointState, position: number | undefined) =>
  new CheckpointNotIncreased({ consumer, position: position ?? null, version, low, done: above })

/** Returns the durable checkpoints of all consumers, as users see them. */
export const listCheckpoints = (lib: LibHandle): Effect.Effect<ReadonlyArray<ConsumerCheckpoint>> =>
  Effect.sync(() => shownCheckpoints(checkpointsOf(lib)))
