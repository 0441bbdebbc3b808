/** The options of appends, and what a call makes of them. */
import type { Marks, NewEvent } from "../../domain/event/Event.ts"
import type { ExpectedRevision } from "../../domain/event/EventErrors.ts"
import { aText, type Checks, notUndefined, refuseWrongOptions } from "../../domain/format/checkOptions.ts"
import { type AppendCondition, conditionCheck } from "./Conditions.ts"
import type { OfCall, OneAppend } from "./CallEncoder.ts"
import type { AppendCheckpoint } from "./GivenCheckpoint.ts"
import { expectationCheck } from "./StreamAppend.ts"

/** Options of an append. */
export interface AppendOptions {
  /**
   * State that the stream must be in, else the append fails with `WrongExpectedRevision`. Default: `any`. To leave it
   * out, omit the key: an explicit `undefined` is refused, so that a mistake cannot turn the check off.
   */
  readonly expected?: ExpectedRevision
  /**
   * Events that must not have been appended since the append was decided, else it fails with `ConditionFailed`. With
   * `appendAll` it is a condition of the whole call, in addition to those of the entries. Checked while the batch is
   * formed, so that of several concurrent decisions only one succeeds. Costs no read if the boundary is among the last
   * 8,192 events that the writer has accepted since it first saw a condition; otherwise a query of the events after it.
   * To leave it out, omit the key: an explicit `undefined` is refused.
   */
  readonly condition?: AppendCondition
  /**
   * Checkpoint of a consumer, which names the event that this append answers: the events and the checkpoint are stored
   * together or not at all. The append fails with `CheckpointNotIncreased` if that event is done already, so it is
   * never answered twice. With `CheckpointStore.layerLib` the handler of a consumer gets this checkpoint. It takes no
   * position. To leave it out, omit the key: an explicit `undefined` is refused.
   */
  readonly checkpoint?: AppendCheckpoint
  /** Set in the metadata of every event that has no correlation id: an id that related events share. */
  readonly correlationId?: string
  /**
   * Set in the metadata of every event that has no causation id: id of the event or command that caused these events.
   */
  readonly causationId?: string
  /**
   * Id of the command that makes these events, of 1 to 256 bytes: the ids of the events are derived from it, so that
   * the command is done once even if it is retried. The events must have no ids of their own. If the command has made
   * these events before, nothing is appended, and its first result is returned. If it has made others, the append fails
   * with `EventIdConflict`: call `findCommand` before you decide. Default: none. To leave it out, omit the key: an
   * explicit `undefined`, such as of a missing header, is refused.
   */
  readonly commandId?: string
}

const appendAllChecks = {
  condition: conditionCheck,
  checkpoint: notUndefined,
  correlationId: aText,
  causationId: aText,
  commandId: notUndefined
} satisfies Checks<AppendAllOptions>

const appendChecks = { expected: expectationCheck, ...appendAllChecks } satisfies Checks<AppendOptions>

/** Options of an append to several streams: each entry has its own `expected`. */
export type AppendAllOptions = Omit<AppendOptions, "expected">

/** A class, because V8 may allocate object literals where garbage is collected late (docs/PERFORMANCE.md, Memory). */
class GivenAppend implements OneAppend {
  readonly stream: string
  readonly events: ReadonlyArray<NewEvent>
  readonly expected: ExpectedRevision
  readonly commandId: string | undefined
  readonly marks: Marks | undefined

  constructor(
    stream: string,
    events: ReadonlyArray<NewEvent>,
    expected: ExpectedRevision,
    commandId: string | undefined,
    marks: Marks | undefined
  ) {
    this.stream = stream
    this.events = events
    this.expected = expected
    this.commandId = commandId
    this.marks = marks
  }
}

/** Returns the entry of `append`. `context` is what the caller's context sets in the metadata of each event. */
export const oneAppend = (
  stream: string,
  events: ReadonlyArray<NewEvent>,
  options: AppendOptions | undefined,
  context: Marks | undefined
): OneAppend => {
  if (options === undefined) return new GivenAppend(stream, events, "any", undefined, context)
  refuseWrongOptions("EventStore.append", options, appendChecks)
  const { checkpoint, commandId, condition, expected = "any" } = options
  const given = new GivenAppend(stream, events, expected, commandId, marksOf(options, context))
  if (condition === undefined && checkpoint === undefined) return given
  return {
    ...given,
    ...(condition === undefined ? {} : { condition }),
    ...(checkpoint === undefined ? {} : { checkpoint })
  }
}

/** Returns what holds for all entries of `appendAll`. */
export const ofAll = (options: AppendAllOptions | undefined, context: Marks | undefined): OfCall => {
  if (options === undefined) return context === undefined ? nothing : { commandId: undefined, marks: context }
  refuseWrongOptions("EventStore.appendAll", options, appendAllChecks)
  const { checkpoint, commandId, condition } = options
  return {
    commandId,
    marks: marksOf(options, context),
    ...(condition === undefined ? {} : { condition }),
    ...(checkpoint === undefined ? {} : { checkpoint })
  }
}

const nothing: OfCall = { commandId: undefined, marks: undefined }

/** Returns what the options, or else the context, set in the metadata of each event; `undefined` for nothing. */
const marksOf = ({ causationId, correlationId }: AppendAllOptions, context: Marks | undefined): Marks | undefined =>
  correlationId === undefined && causationId === undefined
    ? context
    : {
        ...context,
        ...(correlationId === undefined ? {} : { correlationId }),
        ...(causationId === undefined ? {} : { causationId })
      }
