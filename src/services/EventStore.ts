/**
 * The event store: streams of events with optimistic concurrency, over the tapes of a lib.
 *
 * A stream is an aggregate's sequence (`order-17`); its category is the part before the first `-`. Every event has a
 * revision in its stream and a position in the lib, both from 0 and without gaps.
 *
 * @see `litetapes/Category` for events with a schema
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Duration } from "effect/Duration"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { types } from "node:util"
import { ReadOnly } from "../domain/format/Errors.ts"
import type { NewEvent, RecordedEvent } from "../domain/event/Event.ts"
import type { ExpectedRevision } from "../domain/event/EventErrors.ts"
import { checkStreamName, type InvalidStreamName, tapeOf } from "../domain/format/Placement.ts"
import { attempt } from "./base/attempt.ts"
import { type AllReadError, readAll, type ReadAllOptions } from "./streams/AllReader.ts"
import { type AppendResult, EventAppender, type EventAppendError, type StreamAppend } from "./streams/EventAppender.ts"
import type { EventFilter } from "./streams/EventFilter.ts"
import { lastRevision } from "./streams/StreamLoad.ts"
import { readStream, type ReadStreamOptions, type StreamReadError } from "./streams/StreamReader.ts"
import { StreamStates } from "./streams/StreamStates.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import { internalsOf } from "./internals.ts"
import * as Lib from "./Lib.ts"
import type { Storage } from "./ports/Storage.ts"

export type { AllReadError, AppendResult, Duration, EventAppendError, EventFilter, ExpectedRevision, NewEvent }
export type { ReadAllOptions, ReadStreamOptions, RecordedEvent, StreamAppend, StreamReadError }

/** How to append. */
export interface AppendOptions {
  /** What the stream must look like; default `any`. */
  readonly expected?: ExpectedRevision
  /** Put into the metadata of every event that has none: what belongs together. */
  readonly correlationId?: string
  /** Put into the metadata of every event that has none: the event or command that led to these. */
  readonly causationId?: string
}

/** What asking for a stream's revision may fail with. */
export type RevisionError = StreamReadError

export class EventStore extends Context.Service<
  EventStore,
  {
    readonly lib: Lib.Lib["Service"]
    /**
     * Appends events to a stream as one atomic batch. When it succeeds they survive power loss.
     *
     * Events with ids that the stream has already, with the same content, are not appended again: the first result is
     * given again, whatever is expected. Without ids an append that is repeated appends twice, unless `expected` says no.
     */
    readonly append: (
      stream: string,
      events: ReadonlyArray<NewEvent>,
      options?: AppendOptions
    ) => Effect.Effect<AppendResult, EventAppendError>
    /**
     * Appends to several streams as one atomic batch, or to none of them. An entry without events is a condition on a
     * stream that is not written. Results are in the order of `appends`.
     */
    readonly appendAll: (
      appends: ReadonlyArray<StreamAppend>,
      options?: Omit<AppendOptions, "expected">
    ) => Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError>
    /** The events of one stream, by revision. A stream that does not exist is empty. Constant memory. */
    readonly read: (stream: string, options?: ReadStreamOptions) => Stream.Stream<RecordedEvent, StreamReadError>
    /** The events of all streams, by position. Constant memory. */
    readonly readAll: (options?: ReadAllOptions) => Stream.Stream<RecordedEvent, AllReadError>
    /** The last durable revision of a stream, or `no-stream`: what an append to it expects. */
    readonly revision: (stream: string) => Effect.Effect<number | "no-stream", RevisionError>
    /** The position of the next event: how many there are. */
    readonly position: Effect.Effect<number>
  }
>()("litetapes/EventStore") {}

/** The event store over the lib in context. */
export const make: Effect.Effect<EventStore["Service"], never, Lib.Lib> = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const { handle, writer } = internalsOf(lib)
  const appender = writer === undefined ? undefined : appenderOf(handle, writer.loop)
  const readOnly = Effect.suspend(() => Effect.fail(new ReadOnly({ location: lib.location })))
  const appendAll = (
    appends: ReadonlyArray<StreamAppend>
  ): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> =>
    appender === undefined ? readOnly : appends.length === 0 ? Effect.succeed([]) : appender.append(appends)
  return EventStore.of({
    lib,
    append: (stream, events, options = {}) =>
      appender === undefined
        ? readOnly
        : appender.appendOne(() => new OneAppend(stream, marked(events, options), expectedOf(options))),
    appendAll: (appends, options = {}) =>
      appendAll(
        options.correlationId === undefined && options.causationId === undefined
          ? appends
          : appends.map((append) => ({ ...append, events: marked(append.events, options) }))
      ),
    read: (stream, options) => readStream(handle, stream, options),
    readAll: (options) => readAll(handle, options),
    revision: (stream) => revisionOf(handle, stream),
    position: Effect.sync(() => handle.journal.durable.position)
  })
})

/** A class, since V8 may put what object literals make where garbage is collected late (docs/PERFORMANCE.md, Memory). */
class OneAppend implements StreamAppend {
  readonly stream: string
  readonly events: ReadonlyArray<NewEvent>
  readonly expected: ExpectedRevision

  constructor(stream: string, events: ReadonlyArray<NewEvent>, expected: ExpectedRevision) {
    this.stream = stream
    this.events = events
    this.expected = expected
  }
}

// One a lib: two would not see each other's pending appends.
const appenders = new WeakMap<LibHandle, EventAppender>()

const appenderOf = (lib: LibHandle, loop: ConstructorParameters<typeof EventAppender>[1]): EventAppender => {
  const known = appenders.get(lib)
  if (known !== undefined) return known
  const made = new EventAppender(lib, loop, new StreamStates())
  appenders.set(lib, made)
  return made
}

/** A layer with the event store over the lib in context. */
export const layerLib: Layer.Layer<EventStore, never, Lib.Lib> = Layer.effect(EventStore, make)

/** A layer with the event store over the lib at `location`, open for as long as the layer is, and that lib. */
export const layer = (
  location: string,
  options?: Lib.Options
): Layer.Layer<EventStore | Lib.Lib, Layer.Error<ReturnType<typeof Lib.layer>>, Storage> =>
  Layer.provideMerge(layerLib, Lib.layer(location, options))

/** Opens the lib at `location` with an event store over it, until the scope closes. */
export const open = (
  location: string,
  options?: Lib.Options
): Effect.Effect<EventStore["Service"], Effect.Error<ReturnType<typeof Lib.open>>, Storage | Scope.Scope> =>
  Effect.flatMap(Lib.open(location, options), (lib) => Effect.provideService(make, Lib.Lib, lib))

/** Options for events that were caused by `event`: they belong together with it, and it led to them. */
export const causedBy = (event: RecordedEvent): { readonly correlationId: string; readonly causationId: string } => {
  const { correlationId } = event.metadata
  return { correlationId: typeof correlationId === "string" ? correlationId : event.id, causationId: event.id }
}

/** Left out it is `any`; given and not there it is a mistake that must not switch the check off. */
const expectedOf = (options: AppendOptions): ExpectedRevision => {
  if (!("expected" in options)) return "any"
  const { expected } = options
  if (expected === undefined) throw new TypeError("expected is undefined: leave it out, or give `any`")
  return expected
}

const marked = (events: ReadonlyArray<NewEvent>, options: AppendOptions): ReadonlyArray<NewEvent> => {
  const { correlationId, causationId } = options
  if (correlationId === undefined && causationId === undefined) return events
  const marks = {
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(causationId === undefined ? {} : { causationId })
  }
  return events.map((event) => {
    const { metadata, ...rest } = event
    // What is no metadata is not made into some: it is refused where it is stored.
    return { ...rest, metadata: metadata === undefined || isPlain(metadata) ? { ...marks, ...metadata } : metadata }
  })
}

/** An object with nothing but data in it, which can be spread without a loss, and without running code of the caller. */
const isPlain = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    (prototype === Object.prototype || prototype === null) &&
    Object.values(Object.getOwnPropertyDescriptors(value)).every((property) => "value" in property)
  )
}

const revisionOf = (lib: LibHandle, stream: string): Effect.Effect<number | "no-stream", RevisionError> =>
  Effect.gen(function* () {
    yield* lib.guard.checkOpen
    yield* attempt<string, InvalidStreamName>(() => checkStreamName(stream))
    if (lib.root.mode === "read") {
      // The files may hold more than this reader may show: what it shows of the stream decides.
      const last = yield* Stream.runHead(readStream(lib, stream, { direction: "backward", limit: 1 }))
      return Option.isSome(last) ? last.value.revision : "no-stream"
    }
    const name = tapeOf(lib.meta.state.placement, stream)
    if (lib.tapes.listing(name) === undefined) return "no-stream"
    const revision = yield* lastRevision(lib, yield* lib.tapes.get(name), stream)
    return revision === -1 ? "no-stream" : revision
  })
