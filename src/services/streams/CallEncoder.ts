/** Checks the calls of appends and encodes their events. It knows what a lib may store, and writes nothing. */
import { isArray } from "../../domain/base/isArray.ts"
import { isStorableTime } from "../../domain/base/storableTime.ts"
import * as Event from "../../domain/event/Event.ts"
import { EventIdConflict } from "../../domain/event/EventErrors.ts"
import { elementOf, refuseWrongOptions, shown } from "../../domain/format/checkOptions.ts"
import { ClockOutOfRange } from "../../domain/format/Errors.ts"
import { checkStreamName } from "../../domain/format/Placement.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { PlannedCall } from "./AppendRequest.ts"
import { Command } from "./Command.ts"
import { type AppendCondition, Conditions } from "./Conditions.ts"
import { type AppendCheckpoint, takeCheckpoint } from "./GivenCheckpoint.ts"
import { PlannedAppend } from "./PlannedAppend.ts"
import {
  appendChecks,
  isExpectation,
  refusalOf,
  refuseTwins,
  type StreamAppend,
  whyNotExpectation
} from "./StreamAppend.ts"
import type { StreamStates } from "./StreamStates.ts"

/** What holds for a whole call. */
export interface OfCall {
  readonly commandId: string | undefined
  readonly marks: Event.Marks | undefined
  readonly condition?: AppendCondition
  readonly checkpoint?: AppendCheckpoint
  /** Times of the events of each entry, in the form that a lib stores: an import keeps them. Default: the present one. */
  readonly times?: ReadonlyArray<string | undefined>
}

/** The entry of a call with one entry, and what holds for the call. */
export interface OneAppend extends StreamAppend, Omit<OfCall, "condition" | "times"> {}

/** Throws an `EventAppendError` if a call cannot be stored, whatever the lib holds. */
export class CallEncoder {
  readonly #lib: Pick<LibHandle, "meta" | "uuid">
  readonly #states: StreamStates
  #time = ""
  #timeMillis = Number.NaN
  readonly #newId = () => this.#lib.uuid(this.#timeMillis)

  constructor(lib: Pick<LibHandle, "meta" | "uuid">, states: StreamStates) {
    this.#lib = lib
    this.#states = states
  }

  /** Takes the time of the events that are encoded next, in milliseconds since 1970. */
  setTime(now: number): void {
    if (now === this.#timeMillis) return
    if (!isStorableTime(now)) throw new ClockOutOfRange({ millis: now })
    this.#timeMillis = now
    this.#time = new Date(now).toISOString()
  }

  /** Encodes the entries of a call. Copies what it is given, so the caller may change that meanwhile. */
  all(appends: ReadonlyArray<StreamAppend>, ofCall: OfCall): PlannedCall {
    const { checkpoint, commandId, condition, marks, times } = ofCall
    const entries: Array<PlannedAppend> = []
    if (!isArray(appends)) throw refusalOf(-1, "appends", `must be an array, not ${shown(appends)}`)
    const command = commandId === undefined ? undefined : new Command(commandId)
    let conditions: Conditions | undefined
    if (condition !== undefined) {
      conditions = new Conditions()
      conditions.add("EventStore.appendAll", "options.condition", -1, condition)
    }
    for (let at = 0; at < appends.length; at++) {
      const append: unknown = elementOf(appends, at)
      if (append === undefined) throw refusalOf(at, `appends[${at}]`, "must be an object, not undefined")
      refuseWrongOptions("EventStore.appendAll", append, appendChecks, `appends[${at}]`)
      const given = append as StreamAppend
      entries.push(this.#encode(given, at, command, marks, times?.[at] ?? this.#time))
      if (given.condition === undefined) continue
      conditions ??= new Conditions()
      conditions.add("EventStore.appendAll", `appends[${at}].condition`, at, given.condition)
    }
    if (entries.length > 1) refuseTwins(entries)
    const done = checkpoint === undefined ? undefined : takeCheckpoint("EventStore.appendAll", checkpoint)
    return new PlannedCall(entries, conditions, done)
  }

  /** Does the same for a call with one entry. */
  one(append: OneAppend): PlannedCall {
    const { checkpoint, commandId, condition, marks } = append
    const entry = this.#encode(
      append,
      -1,
      commandId === undefined ? undefined : new Command(commandId),
      marks,
      this.#time
    )
    const done = checkpoint === undefined ? undefined : takeCheckpoint("EventStore.append", checkpoint)
    if (condition === undefined) return new PlannedCall([entry], undefined, done)
    const conditions = new Conditions()
    conditions.add("EventStore.append", "options.condition", -1, condition)
    return new PlannedCall([entry], conditions, done)
  }

  /** Encodes an entry. `at` is its index in the call, or −1 in a call with one entry. */
  #encode(
    append: StreamAppend,
    at: number,
    command: Command | undefined,
    marks: Event.Marks | undefined,
    time: string
  ): PlannedAppend {
    const { events: all, expected = "any", stream } = append
    if (!this.#states.isKnown(stream)) checkStreamName(stream)
    if (command !== undefined) Event.checkCommandId(stream, command.id)
    if (!isExpectation(expected)) throw refusalOf(at, "expected", whyNotExpectation(expected))
    if (!isArray(all)) throw refusalOf(at, "events", `must be an array, not ${shown(all)}`)
    const { limits } = this.#lib.meta.state
    const count = all.length
    const planned = command?.plan(stream)
    let given: Set<string> | undefined
    const events: Array<Event.EncodedEvent> = []
    for (let index = 0; index < count; index++) {
      const derivedId = command?.nextId(stream)
      const event = elementOf(all, index)
      const encoded = Event.encode(stream, event, index, this.#newId, time, limits, derivedId, marks)
      events.push(encoded)
      if (!encoded.isNamed) continue
      if (given?.has(encoded.id) === true) {
        throw new EventIdConflict({ stream, id: encoded.id, why: "twice-in-one-batch" })
      }
      given ??= new Set()
      given.add(encoded.id)
    }
    return new PlannedAppend(stream, expected, events, given ?? noIds, planned)
  }
}

const noIds: ReadonlySet<string> = new Set()
