/**
 * Handles commands: takes the states of their aggregates, decides, and appends all events as one batch; again after a
 * conflict.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { EventIdConflict, WrongExpectedRevision } from "../domain/event/EventErrors.ts"
import { elementOf, shown } from "../domain/format/checkOptions.ts"
import { InvalidArgument } from "../domain/format/Errors.ts"
import { isArray } from "../domain/base/isArray.ts"
import type { AggregateStates, AnyDecider } from "./AggregateStates.ts"
import { checkOptions } from "./base/checkCall.ts"
import type { Span } from "./base/spans.ts"
import { inCommandSpan, noteCommands } from "./commandSpans.ts"
import { commandChecks, type CommandOptions, whyTwice } from "./deciders/checks.ts"
import { madeDeciders } from "./deciders/Snapshot.ts"
import { type DeciderSession, deciderSession } from "./DeciderSession.ts"
import { outcomesOf } from "./pastOutcomes.ts"
import type { Known } from "./deciders/StateCache.ts"
import { isDeciding } from "./deciders/StreamTurns.ts"
import { EventContext, valuesOf } from "./EventContext.ts"
import { EventStore } from "./EventStore.ts"
import type { AppendCheckpoint } from "./streams/GivenCheckpoint.ts"
import { accessOf, type Internals } from "./internals.ts"
import { withSession } from "./lib/Access.ts"
import { decide, encodeDecided, type ToAppend } from "./decideAndEncode.ts"

/** A command for one aggregate. */
export interface Aggregate {
  readonly decider: AnyDecider
  readonly id: string
  readonly command: unknown
}

/** What became of a command. */
export interface Outcome {
  readonly events: ReadonlyArray<unknown>
  readonly state: unknown
  readonly revision: number
  readonly position?: number
  readonly repeated: boolean
}

/** Returns the state of an aggregate, after all events that are durable, or that a reader shows. */
export const stateOf = (call: string, { decider, id }: Aggregate) =>
  Effect.gen(function* () {
    yield* checkAggregates(call, [{ decider, id, command: undefined }])
    const { lib } = yield* EventStore
    return yield* withSession(accessOf(lib), (session) =>
      Effect.gen(function* () {
        yield* session.handle.guard.checkOpen
        const shared = deciderSession(session)
        const twice = shared.whyTwice(call, decider)
        if (twice !== undefined) return yield* twice
        const states = shared.statesOf(decider)
        const known = yield* states.take(id)
        states.keep(id, known)
        return { state: known.state, revision: known.revision }
      })
    )
  })

/** Handles commands for several aggregates as one. */
export const handleCommands = (call: string, commands: unknown, options: CommandOptions = {}) =>
  inCommandSpan((span) => handleNow(call, commands, options, span))

const handleNow = (call: string, commands: unknown, options: CommandOptions, span: Span | undefined) =>
  Effect.gen(function* () {
    yield* checkOptions(call, options, commandChecks)
    const aggregates = yield* checkAggregates(call, commands)
    const streams = aggregates.map(({ decider, id }) => decider.category.stream(id))
    const twice = whyTwice(call, streams)
    if (twice !== undefined) return yield* twice
    if (aggregates.length === 0) return []
    const store = yield* EventStore
    if (span !== undefined) noteCommands(span, store.lib.location, aggregates, streams)
    const context = valuesOf(yield* EventContext)
    const isWithin = yield* isDeciding
    return yield* withSession(accessOf(store.lib), (session): ReturnType<typeof triesOf> => {
      const shared = deciderSession(session)
      for (const { decider } of aggregates) {
        const twice = shared.whyTwice(call, decider)
        if (twice !== undefined) return Effect.fail(twice)
      }
      const tries = triesOf(new Handling(store, session, shared, aggregates, streams, options, context, span), options)
      return isWithin ? tries : shared.turns.inTurn(streams, tries)
    })
  })

const checkAggregates = (call: string, commands: unknown): Effect.Effect<ReadonlyArray<Aggregate>, InvalidArgument> =>
  Effect.suspend(() => {
    if (!isArray(commands)) return refuse(call, "commands", `must be an array, not ${shown(commands)}`)
    const aggregates: Array<Aggregate> = []
    for (let index = 0; index < commands.length; index++) {
      const given: unknown = elementOf(commands, index)
      const { decider, id, command } = fieldsOf(given)
      if (!isDecider(decider))
        return refuse(call, "decider", `must be a decider that Decider.make returned, not ${shown(decider)}`)
      if (typeof id !== "string") return refuse(call, "id", `must be a text, not ${shown(id)}`)
      aggregates.push({ decider, id, command })
    }
    return Effect.succeed(aggregates)
  })

const refuse = (call: string, argument: string, why: string) =>
  Effect.fail(new InvalidArgument({ call, argument, why }))

const fieldsOf = (
  given: unknown
): { readonly decider?: unknown; readonly id?: unknown; readonly command?: unknown } => {
  try {
    const { command, decider, id } = given as Aggregate
    return { command, decider, id }
  } catch {
    return {}
  }
}

const isDecider = (value: unknown): value is AnyDecider =>
  typeof value === "object" && value !== null && madeDeciders.has(value)

/** Somebody else appended to one of the streams: decide again. */
class Conflict {
  readonly error: WrongExpectedRevision

  constructor(error: WrongExpectedRevision) {
    this.error = error
  }
}

/** Decides again after a conflict: at once, unless a schedule sets pauses. */
const triesOf = (handling: Handling, { retry = 2 }: CommandOptions): ReturnType<typeof triesLeft> =>
  typeof retry === "number"
    ? triesLeft(handling, retry)
    : Effect.mapError(Effect.retry(handling.once, { while: isConflict, schedule: retry }), errorOf)

/** Tries once, and again after conflicts, but not more often than `left` times. Needs no timer. */
const triesLeft = (handling: Handling, left: number): Effect.Effect<ReadonlyArray<Outcome>, unknown, EventStore> =>
  Effect.catch(handling.once, (error) =>
    isConflict(error) && left > 0 ? triesLeft(handling, left - 1) : Effect.fail(errorOf(error))
  )

const isConflict = (error: unknown): error is Conflict => error instanceof Conflict

const errorOf = (error: unknown): unknown => (isConflict(error) ? error.error : error)

type Store = EventStore["Service"]

/** The commands of one call, all of which are done, or none. */
class Handling {
  readonly #store: Store
  readonly #session: Internals
  readonly #shared: DeciderSession
  readonly #aggregates: ReadonlyArray<Aggregate>
  readonly #streams: ReadonlyArray<string>
  readonly #options: CommandOptions
  readonly #context: object | undefined
  readonly #span: Span | undefined
  #tries = 0

  constructor(
    store: Store,
    session: Internals,
    shared: DeciderSession,
    aggregates: ReadonlyArray<Aggregate>,
    streams: ReadonlyArray<string>,
    options: CommandOptions,
    context: object | undefined,
    span: Span | undefined
  ) {
    this.#store = store
    this.#session = session
    this.#shared = shared
    this.#aggregates = aggregates
    this.#streams = streams
    this.#options = options
    this.#context = context
    this.#span = span
  }

  /** One try. */
  readonly once: Effect.Effect<ReadonlyArray<Outcome>, unknown, EventStore> = Effect.gen({ self: this }, function* () {
    this.#span?.attribute("litetapes.tries", ++this.#tries)
    const { guard } = this.#session.handle
    const refusal = this.#session.forwards === true ? undefined : guard.refusal()
    if (refusal !== undefined) return yield* refusal
    const known = yield* this.#each(({ decider, id }) => this.#statesOf(decider).take(id))
    // Looked for after the states were read: else the command could be done in between, and be decided on its own effects.
    const done = yield* this.#firstResults
    if (done !== undefined) {
      this.#keep(known)
      return done
    }
    const decided = yield* Effect.result(
      this.#each(({ decider, command }, n) => decide(decider, command, known[n]!.state))
    )
    if (Result.isFailure(decided)) {
      this.#keep(known)
      return yield* this.#orFirstResults(Effect.andThen(this.#enforce(known), Effect.fail(decided.failure)))
    }
    if (decided.success.every(({ length }) => length === 0)) {
      this.#keep(known)
      yield* this.#options.checkpoint === undefined ? this.#enforce(known) : this.#commitAlone(known)
      return known.map(outcomeOf)
    }
    return yield* this.#append(known, decided.success)
  })

  #statesOf(decider: AnyDecider): AggregateStates {
    return this.#shared.statesOf(decider)
  }

  #each<A, E, R>(of: (aggregate: Aggregate, n: number) => Effect.Effect<A, E, R>): Effect.Effect<Array<A>, E, R> {
    // The usual case, without a loop of effects.
    const [only] = this.#aggregates
    return this.#aggregates.length === 1
      ? Effect.map(of(only!, 0), (one) => [one])
      : Effect.forEach(this.#aggregates, of)
  }

  #keep(known: ReadonlyArray<Known<unknown>>, isKept: (n: number) => boolean = () => true): void {
    for (const [n, { decider, id }] of this.#aggregates.entries())
      if (isKept(n)) this.#statesOf(decider).keep(id, known[n]!)
  }

  #append(known: ReadonlyArray<Known<unknown>>, decided: ReadonlyArray<ReadonlyArray<unknown>>) {
    return Effect.gen({ self: this }, function* () {
      const { commandId } = this.#options
      const extra = { context: this.#context, ...this.#options }
      const events = yield* this.#each(({ decider }, n) =>
        encodeDecided(decider, this.#streams[n]!, decided[n]!, extra)
      )
      // Before the append: an event that `evolve` cannot take must not become durable.
      const folded = this.#aggregates.map(({ decider }, n) =>
        this.#statesOf(decider).fold(known[n]!, events[n]!.stored)
      )
      const appended = yield* Effect.result(
        this.#store.appendAll(this.#entries(known, events), {
          ...(commandId === undefined ? {} : { commandId }),
          ...this.#ofCheckpoint
        })
      )
      // The other states were folded. If nothing is appended, they are left out of memory, since `evolve` may have changed them.
      this.#keep(known, (n) => events[n]!.stored.length === 0)
      if (Result.isFailure(appended)) {
        const error = appended.failure
        if (isConflictOf(error)) return yield* Effect.fail(new Conflict(error))
        return yield* error instanceof EventIdConflict ? this.#orFirstResults(Effect.fail(error)) : Effect.fail(error)
      }
      const first = appended.success.some(({ repeated }) => repeated) ? yield* this.#firstResults : undefined
      if (first !== undefined) return first
      return yield* this.#each(({ decider, id }, n): Effect.Effect<Outcome, unknown, EventStore> => {
        const { stored } = events[n]!
        if (stored.length === 0) return Effect.succeed(outcomeOf(known[n]!))
        const result = appended.success[n]!
        const { lastPosition: position, lastRevision: revision, repeated } = result
        const states = this.#statesOf(decider)
        if (repeated) return states.at(id, position, result)
        return Effect.map(states.after(id, folded[n]!, { position, revision }), (after) => {
          states.keep(id, after)
          return { events: stored, state: after.state, revision, position, repeated: false }
        })
      })
    })
  }

  /** Sends a decision that appends nothing through the commit loop, then looks whether another writer has taken over. */
  #enforce(known: ReadonlyArray<Known<unknown>>): Effect.Effect<void, unknown> {
    if (this.#options.enforce !== true) return Effect.void
    const check = this.#store.appendAll(this.#entries(known, undefined))
    // The writer's process looks itself.
    if (this.#session.forwards === true) return orConflict(check)
    return Effect.andThen(orConflict(check), this.#session.handle.guard.checkLock)
  }

  /** Commits the checkpoint of a decision that appends nothing, if the decision still holds. */
  #commitAlone(known: ReadonlyArray<Known<unknown>>): Effect.Effect<void, unknown> {
    return orConflict(this.#store.appendAll(this.#entries(known, undefined), this.#ofCheckpoint))
  }

  get #ofCheckpoint(): { readonly checkpoint?: AppendCheckpoint } {
    const { checkpoint } = this.#options
    return checkpoint === undefined ? {} : { checkpoint }
  }

  #entries(known: ReadonlyArray<Known<unknown>>, toAppend: ReadonlyArray<ToAppend> | undefined) {
    return this.#streams.map((stream, n) => {
      const { revision } = known[n]!
      return {
        stream,
        events: toAppend?.[n]!.events ?? [],
        expected: revision === -1 ? ("no-stream" as const) : revision
      }
    })
  }

  /** Returns the first results if the command was done meanwhile, else what `otherwise` returns. */
  #orFirstResults<E>(otherwise: Effect.Effect<never, E, EventStore>) {
    return Effect.flatMap(this.#firstResults, (done) => (done === undefined ? otherwise : Effect.succeed(done)))
  }

  /** Returns the results of the first time that the command was done; `undefined` if it was not, or has no id. */
  readonly #firstResults = Effect.gen({ self: this }, function* () {
    const { commandId } = this.#options
    if (commandId === undefined) return undefined
    const found = yield* this.#each((_, n) => this.#store.findCommand(this.#streams[n]!, commandId))
    // As in a repeated append: the checkpoint may be missing, or be there too.
    if (this.#options.checkpoint !== undefined && found.some((one) => one !== undefined)) {
      yield* Effect.catchTag(this.#store.appendAll([], this.#ofCheckpoint), "CheckpointNotIncreased", () => Effect.void)
    }
    const given = this.#aggregates.map((aggregate, n) => ({
      ...aggregate,
      stream: this.#streams[n]!,
      states: this.#statesOf(aggregate.decider),
      made: found[n]
    }))
    return yield* outcomesOf(commandId, given)
  })
}

const orConflict = (check: Effect.Effect<unknown, unknown>): Effect.Effect<void, unknown> =>
  Effect.asVoid(Effect.mapError(check, (error) => (isConflictOf(error) ? new Conflict(error) : error)))

const isConflictOf = (error: unknown): error is WrongExpectedRevision => error instanceof WrongExpectedRevision

/** The outcome of a command that made no events. */
const outcomeOf = ({ revision, state }: Known<unknown>): Outcome => ({ events: [], state, revision, repeated: false })
