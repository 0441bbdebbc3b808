/**
 * The checkpoint of an append: what a consumer has done is committed together with the events that answer it. Checked
 * while the batch is formed, on durable plus pending state, so that no event is answered twice.
 */
import * as Effect from "effect/Effect"
import { type CheckpointLost, CheckpointNotIncreased } from "../../domain/event/CheckpointErrors.ts"
import { NotInHistory } from "../../domain/event/EventErrors.ts"
import { isArray } from "../../domain/base/isArray.ts"
import {
  aCount,
  aFlag,
  aText,
  type Checks,
  isCount,
  nested,
  unless,
  unreadable
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument, type MetaInvalid } from "../../domain/format/Errors.ts"
import { type CheckpointState, consumerPattern, type DoneRange, endOf, isSame } from "../../domain/meta/Checkpoint.ts"
import { endOfLineage, type LibState } from "../../domain/meta/LibState.ts"
import { isDone, merged, normalized, rangesMax } from "../../domain/meta/CheckpointRanges.ts"
import {
  checkpointOf,
  checkpointsOf,
  type ConsumerCheckpoint,
  isUnknown,
  lost,
  shownCheckpoints
} from "../lib/checkpoints.ts"
import { type AppendCheckpoint, type GivenCheckpoint, type MustList, mustList } from "./GivenCheckpoint.ts"
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
  lib: aText,
  lineage: aText,
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
  /** The lib and the lineage that the positions are of, as far as the caller says. */
  readonly #history: Pick<AppendCheckpoint, "lib" | "lineage">

  constructor(call: string, given: AppendCheckpoint) {
    const { consumer, done = [], low = 0, position, reset = false, version = 1 } = given
    const ranges: ReadonlyArray<DoneRange> = position === undefined ? done : [...done, [position, position + 1]]
    this.#call = call
    this.consumer = consumer
    this.#position = position
    this.#given = normalized(version, low, ranges)
    this.#isReset = reset
    this.#history = given
  }

  /** Returns the checkpoint that the batch gets, or why the append is refused. */
  judge(lib: LibHandle, group: CommitGroup): CheckpointState | CheckpointRefusal {
    const { consumer } = this
    const [given, isReset, position] = [this.#given, this.#isReset, this.#position]
    const stored = group.checkpoint(consumer) ?? checkpointOf(lib, consumer)
    const end = endOf(given)
    const foreign = whyForeign(lib.meta.state, this.#history, end)
    if (foreign !== undefined) {
      const why = `the checkpoint of consumer ${consumer} ${foreign}`
      return new NotInHistory({ location: lib.location, after: -1, why })
    }
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
   * Runs an append. The first one of a consumer that would succeed lists it in lib meta, and runs again: before the first mark
   * names it. So a release that knows no checkpoints refuses the lib as a whole, and a recovery knows which consumers there
   * are. An append that is refused lists nobody.
   */
  listing<A, E>(lib: LibHandle, append: Effect.Effect<A, E>): Effect.Effect<A, E | MetaInvalid | WriteError> {
    const list = Effect.suspend(() =>
      lib.meta.state.checkpoints.has(this.consumer)
        ? Effect.void
        : Effect.andThen(
            lib.guard.check,
            lib.meta.listConsumer(this.consumer, () => checkpointOf(lib, this.consumer))
          )
    )
    return Effect.catchIf(
      append as Effect.Effect<A, E | MustList>,
      (error): error is MustList => error === mustList,
      () => Effect.andThen(list, this.listing(lib, append))
    ) as Effect.Effect<A, E | MetaInvalid | WriteError>
  }
}

/** Checks a checkpoint. */
export const planCheckpoint = ({ call, given }: GivenCheckpoint): Effect.Effect<PlannedCheckpoint, InvalidArgument> =>
  Effect.suspend((): Effect.Effect<PlannedCheckpoint, InvalidArgument> => {
    const refuse = (below: string, why: string) =>
      Effect.fail(new InvalidArgument({ call, argument: `options.checkpoint${below}`, why }))
    if (given === unreadable) return refuse("", unreadable)
    const wrong = given === null ? { below: "", why: `must be an object, not null` } : nested(checks)(given)
    if (wrong !== undefined) return refuse(wrong.below, wrong.why)
    if (!Object.hasOwn(given as object, "consumer")) return refuse(".consumer", "is missing")
    return Effect.succeed(new PlannedCheckpoint(call, given as AppendCheckpoint))
  })

/** Returns why positions up to `end` are not those of this lib, as far as the caller says whose they are. */
const whyForeign = (
  state: Pick<LibState, "branches" | "lib">,
  { lib, lineage }: Pick<AppendCheckpoint, "lib" | "lineage">,
  end: number
): string | undefined => {
  if (lib !== undefined && lib !== state.lib) {
    return `is of lib ${lib}, and this is lib ${state.lib}: give it to an append to the lib that the consumer follows`
  }
  const common = lineage === undefined ? end : (endOfLineage(state, lineage) ?? -1)
  if (end <= common) return undefined
  return `is of lineage ${lineage}, which this lib has ${common < 0 ? "never had" : `left at position ${common}`}: one of the two was restored`
}

const notIncreased = (consumer: string, { above, low, version }: CheckpointState, position: number | undefined) =>
  new CheckpointNotIncreased({ consumer, position: position ?? null, version, low, done: above })

/** Returns the durable checkpoints of all consumers, as users see them. */
export const listCheckpoints = (lib: LibHandle): Effect.Effect<ReadonlyArray<ConsumerCheckpoint>> =>
  Effect.sync(() => shownCheckpoints(checkpointsOf(lib)))
