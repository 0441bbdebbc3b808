/**
 * The event store for callers without Effect: promises and async iterables. They throw the same typed errors.
 *
 * **Example**
 *
 * ```ts
 * import * as PromiseStore from "litetapes/PromiseStore"
 *
 * const store = await PromiseStore.open("./data")
 * await store.append("order-17", [{ type: "OrderPlaced", data: { total: 3998 } }], { expected: "no-stream" })
 * for await (const event of store.read("order-17")) console.log(event.type, event.data)
 * await store.close()
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { LibClosed } from "../domain/format/Errors.ts"
import type { JsonObject } from "../domain/json/TaraSON.ts"
import {
  type AppendOptions,
  type AppendResult,
  EventStore,
  layer as eventStoreLayer,
  type NewEvent,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  type StreamAppend
} from "../services/EventStore.ts"
import * as Lib from "../services/Lib.ts"
import type { Storage } from "../services/ports/Storage.ts"
import * as Tape from "../services/Tape.ts"
import * as NodeStorage from "./NodeStorage.ts"

/** How to open a store. */
export interface Options extends Lib.Options {
  /** Where the lib is kept. Default: on the file system, `NodeStorage.layer`. */
  readonly storage?: Layer.Layer<Storage>
}

/** How to copy the lib. */
export interface CopyOptions extends Omit<Lib.CopyOptions, "storage" | "onProgress"> {
  /** Receives the progress. */
  readonly onProgress?: (progress: Lib.Progress) => void
}

/** A tape, for callers without Effect. */
export interface PromiseTape {
  /** Name of the tape. */
  readonly name: string
  /** Id of the tape, a UUID. */
  readonly id: string
  /** Appends records, and resolves once they are durable. */
  readonly append: (records: ReadonlyArray<unknown>) => Promise<Tape.Receipt>
  /** Iterates over the records, or over those in a range. */
  readonly records: (range?: Tape.RecordRange) => AsyncIterable<JsonObject>
  /** Returns the number of records. */
  readonly size: () => Promise<number>
}

/** An event store, for callers without Effect. Each method does what the one of `EventStore` does. */
export interface PromiseStore extends AsyncDisposable {
  /** Appends events to a stream as one batch, and resolves once they are durable. */
  readonly append: (stream: string, events: ReadonlyArray<NewEvent>, options?: AppendOptions) => Promise<AppendResult>
  /** Appends events to several streams as one batch, and resolves once they are durable. */
  readonly appendAll: (appends: ReadonlyArray<StreamAppend>) => Promise<ReadonlyArray<AppendResult>>
  /** Iterates over the events of a stream, up to the last one that is durable when the reading begins. */
  readonly read: (stream: string, options?: ReadStreamOptions) => AsyncIterable<RecordedEvent>
  /** Iterates over the events of the lib by position, up to the last one that is durable when the reading begins. */
  readonly readAll: (options?: ReadAllOptions) => AsyncIterable<RecordedEvent>
  /** Returns the last revision of a stream, or `no-stream` if it has no events. */
  readonly revision: (stream: string) => Promise<number | "no-stream">
  /** Returns the position of the next event. */
  readonly position: () => Promise<number>
  /** Opens the tape of this name, and creates it if it does not exist. */
  readonly tape: (name: string) => Promise<PromiseTape>
  /**
   * Opens the lib again after its writer has stopped (`CommitOutcomeUnknown`, `WriterPoisoned`), else does nothing. This
   * store and its tapes can then be used as before. Append again with the same event ids. The option `reopen: true` does
   * this by itself.
   */
  readonly reopen: () => Promise<void>
  /** Copies the lib to another place, with another placement or other limits: see `Lib.copy`. */
  readonly copy: (to: string, options?: CopyOptions) => Promise<Lib.CopyReport>
  /** Writes everything into segments and frees the lock. Await it before the process ends. It closes only once. */
  readonly close: () => Promise<void>
}

const toldBy =
  (onProgress: (progress: Lib.Progress) => void): Lib.OnProgress =>
  (progress) =>
    Effect.sync(() => onProgress(progress))

/** Opens the store at `location`, until `close` is called. Creates the lib if it does not exist. */
export const open = async (location: string, options: Options = {}): Promise<PromiseStore> => {
  const { storage = NodeStorage.layer, ...libOptions } = options
  const runtime = ManagedRuntime.make(Layer.provide(eventStoreLayer(location, libOptions), storage))
  const context = await runtime.context().catch(async (error: unknown) => {
    await runtime.dispose()
    throw error
  })
  let closing: Promise<void> | undefined
  const run = <A, E>(effect: Effect.Effect<A, E, EventStore | Lib.Lib>): Promise<A> =>
    closing === undefined ? runtime.runPromise(effect) : Promise.reject(new LibClosed({ location }))
  const iterate = <A, E>(stream: Stream.Stream<A, E, EventStore | Lib.Lib>): AsyncIterable<A> =>
    Stream.toAsyncIterableWith(stream, context)
  const withStore = <A, E, R>(use: (store: EventStore["Service"]) => Effect.Effect<A, E, R>) =>
    Effect.flatMap(EventStore, use)
  const streamOf = <A, E>(use: (store: EventStore["Service"]) => Stream.Stream<A, E>) =>
    iterate(Stream.unwrap(Effect.map(EventStore, use)))
  const closeOnce = async () => {
    try {
      await runtime.runPromise(Effect.flatMap(Lib.Lib, (lib) => lib.close))
    } finally {
      await runtime.dispose()
    }
  }
  const close = () => (closing ??= closeOnce())
  return {
    append: (stream, events, appendOptions) => run(withStore((store) => store.append(stream, events, appendOptions))),
    appendAll: (appends) => run(withStore((store) => store.appendAll(appends))),
    read: (stream, readOptions) => streamOf((store) => store.read(stream, readOptions)),
    readAll: (readOptions) => streamOf((store) => store.readAll(readOptions)),
    revision: (stream) => run(withStore((store) => store.revision(stream))),
    position: () => run(withStore((store) => store.position)),
    tape: async (name) => {
      const tape = await run(Tape.makeOrCreate(name))
      return {
        name: tape.name,
        id: tape.id,
        append: (records) => run(tape.append(records)),
        records: (range) => iterate(tape.records(range)),
        size: () => run(tape.size)
      }
    },
    reopen: () => run(Effect.flatMap(Lib.Lib, (lib) => lib.reopen)),
    copy: (to, { onProgress, ...copyOptions } = {}) => {
      const told = onProgress === undefined ? {} : { onProgress: toldBy(onProgress) }
      return run(Effect.flatMap(Lib.Lib, (lib) => lib.copy(to, { ...copyOptions, ...told })))
    },
    close,
    [Symbol.asyncDispose]: close
  }
}
