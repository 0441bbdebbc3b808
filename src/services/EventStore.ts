/**
 * The event store: streams of events with optimistic concurrency, over the tapes of a lib.
 *
 * A stream is the sequence of one aggregate, such as `order-17`. Its category is the part before the first `-`. Every
 * event has a revision in its stream and a position in the lib, both from 0 and without gaps.
 *
 * @example
 * ```ts
 * const placing = Effect.gen(function* () {
 *   const store = yield* EventStore.EventStore
 *   yield* store.append("order-17", [{ type: "OrderPlaced", data: { cents: 3998 } }], { expected: "no-stream" })
 *   yield* Stream.runForEach(store.read("order-17"), (event) => Effect.log(event.revision, event.type))
 * })
 * placing.pipe(Effect.provide(EventStore.layer("./data")), Effect.provide(NodeStorage.layer))
 * ```
 *
 * @see `litetapes/Category` for events with schemas
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Duration } from "effect/Duration"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Boundary } from "../domain/event/Boundary.ts"
import { causedBy } from "../domain/event/causedBy.ts"
import { streamOfTag } from "../domain/event/streamOfTag.ts"
import type { Query, QueryItem } from "../domain/event/Query.ts"
import type { InvalidEvent, NewEvent, RecordedEvent } from "../domain/event/Event.ts"
import type { ExpectedRevision } from "../domain/event/EventErrors.ts"
import { type AllReadError, readAll, type ReadAllOptions } from "./streams/AllReader.ts"
import { type AppendAllOptions, type AppendOptions, ofAll, oneAppend } from "./streams/AppendOptions.ts"
import type { AppendCheckpoint } from "./streams/GivenCheckpoint.ts"
import type { AppendCondition } from "./streams/Conditions.ts"
import type { AppendResult, EventAppendError } from "./streams/EventAppender.ts"
import type { DecisionModel, DecisionModelError, Fact, Facts } from "./streams/DecisionModel.ts"
import type { QueryError, QueryOptions, QueryResult } from "./streams/QueryReader.ts"
import type { StreamAppend } from "./streams/StreamAppend.ts"
import type { EventFilter, TypeFilter } from "./streams/EventFilter.ts"
import { findCommand, findEvent } from "./streams/FindEvent.ts"
import { revisionOf } from "./streams/StreamRevision.ts"
import { readStream, type ReadStreamOptions, type StreamReadError } from "./streams/StreamReader.ts"
import type { SubscribeError, SubscribeOptions, SubscriptionBatch } from "./follow/Subscription.ts"
import type { SubscribeToStreamError, SubscribeToStreamOptions } from "./follow/StreamSubscription.ts"
import { runDecisionModel, runQuery, subscribe, subscribeToStream } from "./onDemand.ts"
import * as EventContext from "./EventContext.ts"
import { accessOf } from "./internals.ts"
import { withSession } from "./lib/Access.ts"
import * as Lib from "./Lib.ts"
import type { Storage } from "./ports/Storage.ts"
import { storeCalls } from "./storeCalls.ts"

export { Boundary, causedBy, streamOfTag }
export type {
  AppendAllOptions,
  AppendCheckpoint,
  AppendCondition,
  AppendOptions,
  DecisionModel,
  DecisionModelError,
  Fact,
  Facts,
  Query,
  QueryError,
  QueryItem,
  QueryOptions,
  QueryResult
}
export type { AllReadError, AppendResult, Duration, EventAppendError, EventFilter, ExpectedRevision, NewEvent }
export type { SubscribeError, SubscribeOptions, SubscribeToStreamError, SubscribeToStreamOptions, SubscriptionBatch }
export type { ReadAllOptions, ReadStreamOptions, RecordedEvent, StreamAppend, StreamReadError, TypeFilter }

/** Errors of `EventStore.revision`. */
export type RevisionError = StreamReadError

/** Errors of `EventStore.findCommand`. `InvalidEvent`: the `commandId` is not a text of 1 to 256 bytes. */
export type FindCommandError = StreamReadError | InvalidEvent

/** The event store, as a service. Get one from `layer`, `layerLib`, `open` or `make`. */
export class EventStore extends Context.Service<
  EventStore,
  {
    /** The lib that holds the events. */
    readonly lib: Lib.Lib["Service"]
    /**
     * Appends events to a stream as one atomic batch. On success the events have been synced: they survive a power
     * loss.
     *
     * If the stream already has events with the given ids and the same type, data and tags, nothing is appended. The
     * append then returns the first result with `repeated: true`, whatever it expects, and the first metadata stays.
     * Without ids and without a `commandId` a repeated append appends twice, unless `expected` prevents it.
     *
     * Costs one write and one sync, shared with all appends that wait at the same time. After `WrongExpectedRevision`,
     * read the stream and decide again. After `CommitOutcomeUnknown` the batch is there whole or not at all: call
     * `lib.reopen`, then append again with the same ids. After any other error nothing was appended.
     *
     * @example
     * ```ts
     * const { lastRevision } = yield* store.append("order-17", [{ type: "OrderPlaced", data: { cents: 3998 } }])
     * yield* store.append("order-17", [{ type: "OrderPaid", data: {} }], { expected: lastRevision })
     * ```
     */
    readonly append: (
      stream: string,
      events: ReadonlyArray<NewEvent>,
      options?: AppendOptions
    ) => Effect.Effect<AppendResult, EventAppendError>
    /**
     * Appends to several streams as one atomic batch: all of it is appended, or nothing. An entry without events is a
     * condition on a stream that is not written. Returns the results in the order of `appends`. Cost and errors are
     * those of `append`. Without entries, `checkpoint` is committed alone.
     */
    readonly appendAll: (
      appends: ReadonlyArray<StreamAppend>,
      options?: AppendAllOptions
    ) => Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError>
    /**
     * Reads the events of one stream by revision, up to the end that it has when the reading begins. A stream that does
     * not exist is empty. Uses constant memory and does not parse events of other streams. Every line is checked before
     * it is returned; damage fails with `SegmentCorrupt`: restore the file from a copy.
     */
    readonly read: (stream: string, options?: ReadStreamOptions) => Stream.Stream<RecordedEvent, StreamReadError>
    /**
     * Reads the events of all streams by position, up to the end that the lib has when the reading begins. Uses
     * constant memory. Without a filter it fails with `PositionGap` if a position is missing or occurs twice: verify
     * the lib and restore the missing files, or set `allowGaps`.
     */
    readonly readAll: (options?: ReadAllOptions) => Stream.Stream<RecordedEvent, AllReadError>
    /**
     * Returns the events that match a query, and the boundary to decide on: pass it to the condition of the append,
     * which then fails if a matching event was appended after the boundary. All events are in memory: for a large
     * result, use `readAll`.
     *
     * Looks the events up by their types and tags in the index of each segment, and reads only those that match; for an
     * item without tags whose type is common, it reads the segment. If a `limit` leaves events out, the boundary is not
     * decidable, and a condition refuses it.
     *
     * @example
     * ```ts
     * const query: EventStore.Query = [{ types: ["StudentSubscribed"], tags: ["course:17"] }]
     * const { boundary, events } = yield* store.query(query)
     * if (events.length >= 30) return yield* new CourseIsFull()
     * const subscribed = { type: "StudentSubscribed", tags: ["course:17", "student:4"] }
     * yield* store.append("course-17", [subscribed], { condition: { failIfEventsMatch: query, after: boundary } })
     * ```
     */
    readonly query: (query: Query, options?: QueryOptions) => Effect.Effect<QueryResult, QueryError>
    /**
     * Returns what a decision rests on: the state of each fact, and the condition for the append. It reads the events of
     * all facts at once, as `query` does, with one boundary, and evolves each fact with the events that match
     * its own query, in order of position.
     *
     * @example
     * ```ts
     * const { condition, state } = yield* store.decisionModel({
     *   exists: { query: [{ types: ["CourseDefined"], tags: [course] }], initialState: () => false, evolve: () => true },
     *   taken: { query: [{ types: ["StudentSubscribed"], tags: [course] }], initialState: () => 0, evolve: (n) => n + 1 }
     * })
     * if (!state.exists || state.taken >= 30) return yield* new NotPossible()
     * yield* store.append(EventStore.streamOfTag(course), [subscribed], { condition })
     * ```
     */
    readonly decisionModel: <States>(facts: Facts<States>) => Effect.Effect<DecisionModel<States>, DecisionModelError>
    /**
     * Streams the events of all streams by position, then those that are appended later: in order, each once, whatever
     * is closed, repacked, archived or opened again meanwhile. It never ends by itself, so interrupt it. It fails with
     * `LibClosed` when the lib closes, and with `WriterPoisoned` when its writer stops and the lib does not reopen
     * itself.
     *
     * A subscription is pulled, so a slow one delays nobody and costs no memory. In the writer's process a commit wakes
     * it. A reader follows by itself while it has a subscription: it watches the folder, and also checks every 100 ms.
     *
     * @example
     * ```ts
     * yield* Stream.runForEach(store.subscribe({ from: { after: 41 } }), (event) => Effect.log(event.position, event.type))
     * ```
     */
    readonly subscribe: (options?: SubscribeOptions) => Stream.Stream<RecordedEvent, SubscribeError>
    /**
     * Does what `subscribe` does, and reports its progress: each batch has the events that were read together, the
     * position to continue at, and the end of the lib. It has caught up once both are equal. The first batch comes at
     * once, and there is one, perhaps without events, at least every 65,536 positions.
     */
    readonly subscribeBatches: (options?: SubscribeOptions) => Stream.Stream<SubscriptionBatch, SubscribeError>
    /**
     * Streams the events of one stream by revision, then those that are appended to it later. Everything else is as for
     * `subscribe`. The stream need not exist yet.
     */
    readonly subscribeToStream: (
      stream: string,
      options?: SubscribeToStreamOptions
    ) => Stream.Stream<RecordedEvent, SubscribeToStreamError>
    /**
     * Returns the last durable revision of a stream, or `no-stream`: the value to pass as `expected`. Reads at most one
     * event.
     */
    readonly revision: (stream: string) => Effect.Effect<number | "no-stream", RevisionError>
    /**
     * Returns the event of a stream that has this id, or `undefined` if no durable event has it. Fails with `EventsLost`
     * if the event may be lost.
     *
     * Looks the id up in each segment of the stream's tape, the newest first, until it finds the event. A segment that
     * is known not to have the stream costs no read, another one costs a few small reads of its index.
     */
    readonly find: (stream: string, eventId: string) => Effect.Effect<RecordedEvent | undefined, StreamReadError>
    /**
     * Returns the first result of a command on a stream, with `repeated: true`. Returns `undefined` if the command has
     * made no events there: it was not done yet, or it made none. Call it before you decide. Costs one `find`, and if
     * the command was done, a read of its events and of a few after them.
     *
     * @example
     * ```ts
     * const done = yield* store.findCommand("account-17", commandId)
     * if (done !== undefined) return done
     * const { events, revision } = yield* decide("account-17")
     * return yield* store.append("account-17", events, { expected: revision, commandId })
     * ```
     */
    readonly findCommand: (
      stream: string,
      commandId: string
    ) => Effect.Effect<AppendResult | undefined, FindCommandError>
    /**
     * Returns the position that the next event will get, which is the number of events that are durable. Reads nothing.
     */
    readonly position: Effect.Effect<number>
  }
>()("litetapes/EventStore") {}

/** Returns the event store of the lib in context. All event stores of one lib share their state. */
export const make: Effect.Effect<EventStore["Service"], never, Lib.Lib> = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const access = accessOf(lib)
  const calls = storeCalls(access, lib.location)
  return EventStore.of({
    lib,
    append: (stream, events, options) =>
      calls.append(stream, (appender, clock, context, span) =>
        appender.appendOne(clock, () => oneAppend(stream, events, options, EventContext.valuesOf(context)), span)
      ),
    appendAll: (appends, options) =>
      calls.append(undefined, (appender, clock, context, span) =>
        appender.append(
          clock,
          () => appends,
          () => ofAll(options, EventContext.valuesOf(context)),
          span
        )
      ),
    read: (stream, options) => calls.read(stream, ({ handle }) => readStream(handle, stream, options)),
    readAll: (options) => calls.read(undefined, ({ handle }) => readAll(handle, options)),
    query: (query, options) => calls.query(({ handle }) => runQuery(handle, query, options)),
    decisionModel: (facts) => calls.query(({ handle }) => runDecisionModel(handle, facts)),
    subscribe: (options) =>
      Stream.flattenIterable(Stream.map(subscribe(access, options, "EventStore.subscribe"), ({ events }) => events)),
    subscribeBatches: (options) => subscribe(access, options),
    subscribeToStream: (stream, options) => subscribeToStream(access, stream, options),
    find: (stream, eventId) => withSession(access, ({ handle }) => findEvent(handle, stream, eventId)),
    findCommand: (stream, commandId) => withSession(access, ({ handle }) => findCommand(handle, stream, commandId)),
    revision: (stream) => withSession(access, ({ handle }) => revisionOf(handle, stream)),
    position: Effect.sync(() => access.current.handle.journal.durable.position)
  })
})

/** Provides the event store of the lib in context. */
export const layerLib: Layer.Layer<EventStore, never, Lib.Lib> = Layer.effect(EventStore, make)

/**
 * Provides the event store of the lib at `location`, and the lib. Both are open for as long as the layer is.
 *
 * @example
 * ```ts
 * program.pipe(Effect.provide(EventStore.layer("./data")), Effect.provide(NodeStorage.layer))
 * ```
 */
export const layer = (
  location: string,
  options?: Lib.Options
): Layer.Layer<EventStore | Lib.Lib, Layer.Error<ReturnType<typeof Lib.layer>>, Storage> =>
  Layer.provideMerge(layerLib, Lib.layer(location, options))

/** Opens the lib at `location` and returns its event store. The lib closes with the scope. Fails as `Lib.open` does. */
export const open = (
  location: string,
  options?: Lib.Options
): Effect.Effect<EventStore["Service"], Effect.Error<ReturnType<typeof Lib.open>>, Storage | Scope.Scope> =>
  Effect.flatMap(Lib.open(location, options), (lib) => Effect.provideService(make, Lib.Lib, lib))
