/**
 * Scheduled events: events that are appended to a stream at a later time, such as the timeouts of a process manager.
 *
 * A scheduled event is durable, in a stream of its own, and survives restarts. When it is due, the event and the note
 * that it was delivered are appended as one batch, so it is delivered exactly once. A cancellation that has succeeded is
 * final: the event is never delivered.
 *
 * @example
 * ```ts
 * const reminders = ScheduledEvents.make({ name: "reminder" })
 * const placed = Effect.gen(function* () {
 *   const { id, stream, time } = yield* placeOrder
 *   const deliverAt = Date.parse(time) + 30 * 60_000
 *   yield* reminders.schedule({ id: stream, deliverAt, stream, event: { type: "PaymentOverdue", data: {} } })
 * })
 * const paid = reminders.cancel("order-17")
 * program.pipe(
 *   Effect.provide(ScheduledEvents.layer(reminders)),
 *   Effect.provide(EventStore.layer("./orders")),
 *   Effect.provide(NodeStorage.layer)
 * )
 * ```
 *
 * @see `litetapes/Reactor` for side effects outside the store
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Checks, refuseWrongOptions, shown, unless } from "../domain/format/checkOptions.ts"
import { InvalidArgument, ReadOnly } from "../domain/format/Errors.ts"
import { attempt } from "./base/attempt.ts"
import { findAccess } from "./internals.ts"
import { EventContext, of as causedBy, valuesOf } from "./EventContext.ts"
import { type AppendResult, type EventAppendError, EventStore, type StreamAppend } from "./EventStore.ts"
import { DeliveriesStopped } from "./scheduled/DeliveriesStopped.ts"
import { Deliveries, type DeliveryError, type DeliverySource } from "./scheduled/Deliveries.ts"
import { cancelling, isScheduleName, type Scheduled, scheduling } from "./scheduled/definition.ts"
import type { OpenEvent } from "./scheduled/OpenEvents.ts"

export { DeliveriesStopped }
export type { DeliveryError, OpenEvent, Scheduled }

/** What scheduled events are made of. */
export interface Options<Name extends string> {
  /**
   * Names the category that has the streams of these scheduled events: 1 to 48 lower-case letters, digits and `_`, beginning with
   * a letter or digit. Nothing else may append to it.
   */
  readonly name: Name
}

/**
 * What became of a cancellation. `cancelled`: the event is never delivered. `too-late`: it was delivered before, or could
 * not be. `unknown`: nothing is scheduled under this id.
 */
export type Cancelled = "cancelled" | "too-late" | "unknown"

/** How the deliveries are. */
export interface Status {
  /** `starting`: the open events are being read. `stopped`: `error` says why. */
  readonly state: "starting" | "running" | "stopped"
  /** Number of events that are open: neither delivered nor cancelled, as far as this run has read. */
  readonly open: number
  /** When the next one is due, in milliseconds since 1970; `undefined` without any. */
  readonly nextDue: number | undefined
  /** Why it has stopped. */
  readonly error: unknown
}

/** Deliveries that run. */
export interface Running<Name extends string = string> {
  /** Name of the scheduled events. */
  readonly name: Name
  /** Returns how the deliveries are. Reads nothing. */
  readonly status: Effect.Effect<Status>
  /** Returns the open events, those that are due first at the beginning. Sorts them all. */
  readonly open: Effect.Effect<ReadonlyArray<OpenEvent>>
  /**
   * Waits until everything that the store has now is read, and everything that is due is delivered. Fails if the deliveries
   * stop before: with the reason, or with `DeliveriesStopped` if their scope was closed.
   */
  readonly whenCaughtUp: Effect.Effect<void, DeliveryError>
  /** Waits until the deliveries have stopped. Fails with the reason, or succeeds if their scope was closed. */
  readonly stopped: Effect.Effect<void, DeliveryError>
}

/** Scheduled events of one category. */
export interface ScheduledEvents<Name extends string = string> {
  /** Names their category. */
  readonly name: Name
  /**
   * Schedules an event, durably. Needs no running deliveries. To do it again with the same id changes nothing, and returns the
   * first result with `repeated: true`. Costs what an append of one event with an id costs.
   */
  readonly schedule: (scheduled: Scheduled) => Effect.Effect<AppendResult, EventAppendError, EventStore>
  /**
   * Cancels a scheduled event, durably. To do it again changes nothing. Costs what an append costs.
   */
  readonly cancel: (id: string) => Effect.Effect<Cancelled, EventAppendError, EventStore>
  /**
   * Returns the entry for `EventStore.appendAll` that schedules an event, and for what a reactor returns: so it is scheduled
   * together with other events, or not at all. In such a batch the id must be a new one: if the event is scheduled already,
   * the append fails with `EventIdConflict`.
   *
   * @throws InvalidArgument | InvalidStreamName | InvalidEvent | TaraSONError
   */
  readonly toAppend: (scheduled: Scheduled) => StreamAppend
  /** The running deliveries that `layer` provides, as a service. */
  readonly running: Context.Service<Running<Name>, Running<Name>>
}

const optionChecks = {
  name: unless(isScheduleName, 'a name of 1 to 48 lower-case letters, digits and "_", beginning with a letter or digit')
} satisfies Checks<Options<string>>

/**
 * Makes scheduled events of a category.
 *
 * @throws InvalidArgument for an option that it does not know, or a value that it cannot take
 */
export const make = <const Name extends string>(options: Options<Name>): ScheduledEvents<Name> => {
  refuseWrongOptions("ScheduledEvents.make", options, optionChecks)
  const name = Object(options)["name"] as Name | undefined
  if (name === undefined) {
    throw new InvalidArgument({ call: "ScheduledEvents.make", argument: "options.name", why: "is missing" })
  }
  return {
    name,
    schedule: (scheduled) =>
      Effect.flatMap(EventStore, (store) =>
        Effect.flatMap(
          attempt<StreamAppend, EventAppendError>(() => scheduling("ScheduledEvents.schedule", name, scheduled)),
          ({ events, stream }) => store.append(stream, events, { expected: "no-stream" })
        )
      ),
    cancel: (id) => Effect.flatMap(EventStore, (store) => cancel(store, name, id)),
    toAppend: (scheduled) => scheduling("ScheduledEvents.toAppend", name, scheduled),
    running: Context.Service<Running<Name>>(`litetapes/ScheduledEvents/${name}`)
  }
}

const cancel = (store: EventStore["Service"], name: string, id: string): Effect.Effect<Cancelled, EventAppendError> => {
  if (typeof id !== "string" || id === "") {
    const why = `must be a text that is not empty, not ${shown(id)}`
    return Effect.fail(new InvalidArgument({ call: "ScheduledEvents.cancel", argument: "id", why }))
  }
  const { events, expected, stream } = cancelling(name, id)
  return store.append(stream, events, { expected: expected! }).pipe(
    Effect.as("cancelled" as const),
    Effect.catchTag("WrongExpectedRevision", ({ actual }) =>
      Effect.succeed(actual === "no-stream" ? ("unknown" as const) : ("too-late" as const))
    )
  )
}

/**
 * Delivers scheduled events until the scope closes. Returns at once: it first reads which are open. Only in the writer's
 * process: on a lib that is open for reading it fails with `ReadOnly`. With a shared store, run it in each process: all of them
 * know what is open, and the one that is the writer at the time delivers. If it stops by itself, it logs an error, its
 * `status` says why, and `stopped` fails.
 *
 * Events that became due while nothing ran are delivered at once. A due event waits for no event of another schedule; those that
 * are due together are delivered in the order of their times, 64 in a batch. There is one timer while an event is open, of
 * at most a minute: if the clock is set forward, what is due by then may be that late. An event that its stream can never take, such as
 * one of an archived tape, is given up: an error is logged, and `ScheduledEventFailed` is appended to its stream.
 *
 * Each open event costs about 200 bytes of memory; its data stays in the lib. Beginning reads what was scheduled since the
 * oldest event that was open when that was last noted: at the end of a run, and after as many events as are open, at least 1,000.
 * `lib.checkpoints` lists the note as that of the consumer `scheduled-` and the name. A delivery reads the event, and looks
 * up its id in its stream.
 */
export const run = <Name extends string>({
  name
}: ScheduledEvents<Name>): Effect.Effect<Running<Name>, ReadOnly, EventStore | Scope.Scope> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const { lib } = store
    if (lib.mode === "read" && findAccess(lib)?.changesRole !== true)
      return yield* new ReadOnly({ location: lib.location })
    const deliveries = new Deliveries(name, sourceOf(store, name), yield* Effect.clockWith(Effect.succeed))
    const known = (yield* lib.checkpoints).find(({ consumer }) => consumer === noteOf(name))
    const from = known === undefined || known.isLost ? 0 : known.low
    yield* Effect.addFinalizer(() => deliveries.close)
    // Each delivery has the context of its own event, and no other.
    yield* Effect.forkScoped(Effect.provideService(deliveries.run(from), EventContext, undefined))
    return {
      name,
      status: Effect.sync(() => statusOf(deliveries)),
      open: Effect.sync(() => deliveries.open),
      whenCaughtUp: Effect.flatMap(store.position, (end) => deliveries.reached(end)),
      stopped: deliveries.stopped
    }
  })

/** Delivers scheduled events as long as the layer is used, and provides the deliveries as `scheduled.running`. */
export const layer = <Name extends string>(
  scheduled: ScheduledEvents<Name>
): Layer.Layer<Running<Name>, ReadOnly, EventStore> => Layer.effect(scheduled.running, run(scheduled))

const statusOf = (deliveries: Deliveries): Status => {
  const { failure, isCaughtUp, nextDue, openCount } = deliveries
  return {
    state: failure !== undefined ? "stopped" : isCaughtUp ? "running" : "starting",
    open: openCount,
    nextDue,
    error: failure === undefined ? undefined : Cause.squash(failure)
  }
}

/** Names the note in the lib of how far everything is settled. */
const noteOf = (name: string): string => `scheduled-${name}`

const sourceOf = (store: EventStore["Service"], name: string): DeliverySource => {
  const { lib } = store
  const access = findAccess(lib)
  const isUpToUs = (): boolean => lib.mode === "write"
  const save = (low: number, reset: boolean) =>
    store.appendAll([], { checkpoint: { consumer: noteOf(name), lib: lib.id, lineage: lib.lineage, low, reset } })
  return {
    subscribe: store.subscribeBatches,
    read: store.read,
    appendAll: store.appendAll,
    isUpToUs,
    whenChanged: Effect.suspend(() => {
      const handle = access?.current.handle
      return handle === undefined
        ? Effect.never
        : handle.news.until(() => isUpToUs() || access?.current.handle !== handle)
    }),
    marksOf: (event) => valuesOf(causedBy(event)),
    // Only what a beginning reads depends on it.
    saveLow: (low) => Effect.ignore(Effect.catchTag(save(low, false), "CheckpointLost", () => save(low, true)))
  }
}
