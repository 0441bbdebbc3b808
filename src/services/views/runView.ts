/** A view that runs: folds the batches of a subscription, one after the other. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Shape from "../../domain/base/Shape.ts"
import { TaggedError } from "../../domain/base/TaggedError.ts"
import type { EventSchemaError } from "../../domain/event/EventErrors.ts"
import { category as categoryOf } from "../../domain/format/Placement.ts"
import { isCount, shown } from "../../domain/format/checkOptions.ts"
import { InvalidArgument, type ReaderBusy } from "../../domain/format/Errors.ts"
import { Signal } from "../base/Signal.ts"
import type { SubscribeError, SubscribeOptions, SubscriptionBatch } from "../follow/Subscription.ts"
import type { Part } from "./ViewPart.ts"

/** The scope of the view has closed. Run it again. */
export class ViewStopped extends TaggedError<ViewStopped>("litetapes/ViewStopped")("ViewStopped", {
  /** Name of the view. */
  view: Shape.String
}) {
  override get message() {
    return `view ${this.view} has stopped: its scope was closed. Run it again.`
  }
}

/** Why a view cannot be read. */
export type ViewError = EventSchemaError | ReaderBusy | SubscribeError | ViewStopped

/** A view that runs. */
export interface Running<State> {
  /** Returns the state with every event that was acknowledged before; in a reader, with those that it can see now. */
  readonly read: Effect.Effect<State, ViewError>
  /** Returns the state as it is now, without waiting. It may lack the last events, or be that of a view that has stopped. */
  readonly latest: () => State
  /** Waits until the event at this position, and all before it, are folded. */
  readonly whenProcessed: (position: number) => Effect.Effect<void, ViewError | InvalidArgument>
  /** Returns the lowest position that is not folded. */
  readonly position: () => number
}

/** The events of a store, as a view needs them. */
export interface ViewSource {
  readonly subscribe: (options: SubscribeOptions) => Stream.Stream<SubscriptionBatch, SubscribeError>
  /** Returns the position after the last event of the store. */
  readonly end: Effect.Effect<number, ViewError>
}

export const runView = <State>(
  { end, subscribe }: ViewSource,
  name: string,
  initial: State,
  parts: ReadonlyArray<Part<State>>
): Effect.Effect<Running<State>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const view = new Folding(name, initial, parts)
    const batches = subscribe({ filter: { categories: parts.map(({ category }) => category) } })
    const folding = Effect.catchCause(
      Stream.runForEach(batches, (batch) => view.take(batch)),
      (cause) => view.stop(cause)
    )
    yield* Effect.addFinalizer(() => view.stop(Cause.fail(new ViewStopped({ view: name }))))
    yield* Effect.forkScoped(folding)
    return {
      read: Effect.map(
        Effect.flatMap(end, (next) => view.reached(next)),
        () => view.state
      ),
      latest: () => view.state,
      whenProcessed: (position) => (isCount(position) ? view.reached(position + 1) : notAPosition(position)),
      position: () => view.next
    }
  })

/** It would never be reached. */
const notAPosition = (position: unknown): Effect.Effect<never, InvalidArgument> => {
  const why = `must be a position, not ${shown(position)}`
  return Effect.fail(new InvalidArgument({ call: "View.whenProcessed", argument: "position", why }))
}

class Folding<State> {
  readonly #name: string
  readonly #parts: ReadonlyMap<string, Part<State>>
  readonly #changes = new Signal()
  #failure: Cause.Cause<ViewError> | undefined
  state: State
  /** The lowest position that is not folded. */
  next = 0

  constructor(name: string, initial: State, parts: ReadonlyArray<Part<State>>) {
    this.#name = name
    this.#parts = new Map(parts.map((part) => [part.category, part]))
    this.state = initial
  }

  take({ events, next }: SubscriptionBatch): Effect.Effect<void, ViewError> {
    return Effect.gen({ self: this }, function* () {
      for (const event of events) {
        const part = this.#parts.get(categoryOf(event.stream))
        if (part !== undefined) this.state = yield* part.fold(this.state, event)
        this.next = event.position + 1
      }
      this.next = next
      this.#changes.wake()
    })
  }

  /** Keeps the first reason. */
  stop(cause: Cause.Cause<ViewError>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const isFirst = this.#failure === undefined && !Cause.hasInterruptsOnly(cause)
      if (!isFirst) return Effect.void
      this.#failure = cause
      this.#changes.wake()
      const error = Cause.squash(cause)
      if (error instanceof ViewStopped) return Effect.void
      const why = error instanceof Error ? error.message : String(error)
      return Effect.logError(`litetapes: a view has stopped. ${this.#name}: ${why}`)
    })
  }

  /** Waits until everything before this position is folded. */
  reached(next: number): Effect.Effect<void, ViewError> {
    return Effect.flatMap(
      this.#changes.until(() => this.next >= next || this.#failure !== undefined),
      (): Effect.Effect<void, ViewError> =>
        this.#failure === undefined ? Effect.void : Effect.failCause(this.#failure)
    )
  }
}
