/** The entries of an append: what a caller gives, and how it is checked. */
import type { NewEvent } from "../../domain/event/Event.ts"
import { EventIdConflict, type ExpectedRevision } from "../../domain/event/EventErrors.ts"
import { anything, type Check, type Checks, isCount, shown } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { PlannedAppend } from "./PlannedAppend.ts"
import { type AppendCondition, conditionCheck } from "./Conditions.ts"

/** Events for one stream, and the state that the stream must be in. Without events it is only a condition. */
export interface StreamAppend {
  /** Name of the stream, such as `order-17`. */
  readonly stream: string
  /** Events to append, in order; may be empty. */
  readonly events: ReadonlyArray<NewEvent>
  /** State that the stream must be in. Default: `any`. To leave it out, omit the key: `undefined` is refused. */
  readonly expected?: ExpectedRevision
  /**
   * Events that must not have been appended since this entry was decided. It also looks at the events of earlier entries,
   * as if the entries were appended one after the other. To leave it out, omit the key: `undefined` is refused.
   */
  readonly condition?: AppendCondition
}

/** Returns why a value is not an expectation. `undefined` is not one: it must not turn the check off. */
export const expectationCheck: Check = (value) =>
  isExpectation(value) ? undefined : { below: "", why: whyNotExpectation(value) }

/** Whether a value is an expectation. */
export const isExpectation = (value: unknown): value is ExpectedRevision => isCount(value) || expectations.has(value)

export const whyNotExpectation = (value: unknown): string =>
  value === undefined
    ? 'must not be undefined: leave the key out, or pass "any"'
    : value === -1
      ? 'must not be -1: to expect that a stream has no events, pass "no-stream"'
      : `must be a revision (a whole number, 0 or more), "any", "no-stream" or "stream-exists", not ${shown(value)}`

const expectations: ReadonlySet<unknown> = new Set(["any", "no-stream", "stream-exists"])

export const appendChecks = {
  stream: anything,
  events: anything,
  expected: expectationCheck,
  condition: conditionCheck
} satisfies Checks<StreamAppend>

/** Returns the error of a call for what is wrong with one of its arguments. */
export const refusalOf = (at: number, argument: string, why: string): InvalidArgument => {
  if (argument.startsWith("appends")) return new InvalidArgument({ call: "EventStore.appendAll", argument, why })
  if (at >= 0) return new InvalidArgument({ call: "EventStore.appendAll", argument: `appends[${at}].${argument}`, why })
  const given = argument === "expected" ? "options.expected" : argument
  return new InvalidArgument({ call: "EventStore.append", argument: given, why })
}

/** A stream may occur in several entries, but an id only in one of them. */
export const refuseTwins = (entries: ReadonlyArray<PlannedAppend>): void => {
  const seen = new Set<string>()
  for (const { given, stream } of entries) {
    for (const id of given) {
      // A stream name cannot contain a newline.
      const key = `${stream}\n${id}`
      if (seen.has(key)) throw new EventIdConflict({ stream, id, why: "twice-in-one-batch" })
      seen.add(key)
    }
  }
}
