/**
 * The event store for callers without Effect: promises and async iterables. They throw the same typed errors, whose stack
 * traces show the line of your program that awaits the call.
 *
 * A store that has nothing to do keeps no process alive: neither its timers nor its threads nor its lock do. A call that
 * is under way does. What was acknowledged is safe, whether the store is closed or not.
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
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { anything, type Checks } from "../domain/format/checkOptions.ts"
import type * as Category from "../services/Category.ts"
import {
  type AppendOptions,
  type AppendResult,
  Boundary,
  type DecisionModel,
  EventStore,
  layer as eventStoreLayer,
  type NewEvent,
  type Facts,
  type Query,
  type QueryOptions,
  type QueryResult,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  type StreamAppend,
  streamOfTag,
  type SubscribeOptions,
  type SubscribeToStreamOptions,
  type SubscriptionBatch
} from "../services/EventStore.ts"
import type { Progress } from "../services/base/Progress.ts"
import type { InvalidArgument } from "../domain/format/Errors.ts"
import { libChecks } from "../services/LibOptions.ts"
import * as Lib from "../services/Lib.ts"
import { recoverLibChecks, restoreChecks } from "../services/maintenance/optionChecks.ts"
import type { Disk } from "../services/ports/Disk.ts"
import type { KeyStore } from "../services/ports/KeyStore.ts"
import type { Storage, StorageError } from "../services/ports/Storage.ts"
import { lazy } from "../services/base/lazy.ts"
import * as NodeDisk from "./NodeDisk.ts"
import * as NodeStorage from "./NodeStorage.ts"
import { Aborted } from "./promise/Aborted.ts"
import { type CallOptions, forServices, type LongCallOptions, withoutSignal } from "./promise/CallOptions.ts"
import { aLayer, callChecks } from "./promise/callChecks.ts"
import { decidersOf, type PromiseDeciders } from "./promise/PromiseDeciders.ts"
import { makeCategory, type PromiseCategory } from "./promise/PromiseCategory.ts"
import type {
  CheckpointMap,
  ConsumeOptions,
  HandlerContext,
  PromiseConsumer,
  RetryOptions
} from "./promise/PromiseConsumer.ts"
import {
  interchangeOf,
  type PromiseExportOptions,
  type PromiseImportOptions,
  type PromiseInterchange
} from "./promise/PromiseInterchange.ts"
import { makeLib, type PromiseLib } from "./promise/PromiseLib.ts"
import type { TapeOptions } from "./promise/openTape.ts"
import type { PromiseTape } from "./promise/PromiseTape.ts"
import { Runs, runOnce } from "./promise/Runs.ts"

export { Aborted, Boundary, streamOfTag }
export type {
  CallOptions,
  CheckpointMap,
  ConsumeOptions,
  HandlerContext,
  LongCallOptions,
  Progress,
  PromiseCategory,
  PromiseConsumer,
  PromiseDeciders,
  PromiseExportOptions,
  PromiseImportOptions,
  PromiseInterchange,
  PromiseLib,
  PromiseTape,
  RetryOptions,
  TapeOptions
}

/** Where a lib is kept. */
export interface StorageOptions {
  /** Where the lib is kept. Default: on the file system, `NodeStorage.layer`. */
  readonly storage?: Layer.Layer<Storage>
}

/** How to open a store. */
export interface Options extends Lib.Options, StorageOptions, CallOptions {
  /**
   * Whether other processes of this machine append to the lib too, each with this option: see `litetapes/SharedStore`. One
   * of them is the writer, and the others append through it. `waitMax` says how long an append waits while there is no writer
   * (default: 30 seconds). Excludes `mode` and `reopen`. Default: false.
   */
  readonly shared?: boolean | { readonly waitMax?: Duration.Input }
  /**
   * Keeps the keys of encrypted fields, such as `KeyStore.layerFolder("./keys")`. Needed by categories with fields of
   * `Erasable.field`. Default: none.
   */
  readonly keyStore?: Layer.Layer<KeyStore, InvalidArgument | StorageError, Disk>
}

/** An event store, for callers without Effect. Each method does what the one of `EventStore` or `Lib` does. */
export interface PromiseStore extends PromiseLib, PromiseDeciders, PromiseInterchange, AsyncDisposable {
  /** Appends events to a stream as one batch, and resolves once they are durable. */
  readonly append: (
    stream: string,
    events: ReadonlyArray<NewEvent>,
    options?: AppendOptions & CallOptions
  ) => Promise<AppendResult>
  /** Appends events to several streams as one batch, and resolves once they are durable. */
  readonly appendAll: (
    appends: ReadonlyArray<StreamAppend>,
    options?: Omit<AppendOptions, "expected"> & CallOptions
  ) => Promise<ReadonlyArray<AppendResult>>
  /** Iterates over the events of a stream, up to the last one that is durable when the reading begins. */
  readonly read: (stream: string, options?: ReadStreamOptions & CallOptions) => AsyncIterable<RecordedEvent>
  /** Iterates over the events of the lib by position, up to the last one that is durable when the reading begins. */
  readonly readAll: (options?: ReadAllOptions & CallOptions) => AsyncIterable<RecordedEvent>
  /** Returns the events that match a query, and the boundary to decide on: see `EventStore.query`. */
  readonly query: (query: Query, options?: QueryOptions & CallOptions) => Promise<QueryResult>
  /** Returns the states of facts, and the condition for the append: see `EventStore.decisionModel`. */
  readonly decisionModel: <States>(facts: Facts<States>, options?: CallOptions) => Promise<DecisionModel<States>>
  /**
   * Iterates over the events of the lib by position, and then over those that are appended later. Ends only by an error, by
   * `break`, or by its `signal`. Keeps the process alive.
   */
  readonly subscribe: (options?: SubscribeOptions & CallOptions) => AsyncIterable<RecordedEvent>
  /** Does what `subscribe` does, and reports its progress: see `EventStore.subscribeBatches`. */
  readonly subscribeBatches: (options?: SubscribeOptions & CallOptions) => AsyncIterable<SubscriptionBatch>
  /** Iterates over the events of a stream, and then over those that are appended to it later. */
  readonly subscribeToStream: (
    stream: string,
    options?: SubscribeToStreamOptions & CallOptions
  ) => AsyncIterable<RecordedEvent>
  /**
   * Runs a consumer until `stop`, its `signal` or `close`: it calls the handler for each event, remembers its progress,
   * retries, and sets aside events that the handler cannot handle. Resolves once it runs. Keeps the process alive. See
   * `litetapes/Consumer` for its promises.
   *
   * Rejects with `ConsumerClaimed` if it runs already, with `NotInHistory` if the checkpoint belongs to other events
   * than those of the store, with `NewerConsumer` if a later version wrote it, and with `CheckpointInvalid` if it is
   * damaged. If the consumer fails later, its `done` rejects.
   *
   * **Example**
   *
   * ```ts
   * await using mailing = await store.consume({
   *   name: "mailing",
   *   filter: { types: ["OrderPaid"] },
   *   handler: async (event, { signal }) => sendMail(event.stream, event.id, signal),
   *   checkpoints: "./checkpoints",
   *   onPoison: "park"
   * })
   * await mailing.done
   * ```
   */
  readonly consume: (options: ConsumeOptions) => Promise<PromiseConsumer>
  /** Returns the event of a stream that has this id, or `undefined`. */
  readonly find: (stream: string, eventId: string, options?: CallOptions) => Promise<RecordedEvent | undefined>
  /** Returns the first result of a command on a stream, or `undefined` if it has made no events there. */
  readonly findCommand: (stream: string, commandId: string, options?: CallOptions) => Promise<AppendResult | undefined>
  /** Returns the last revision of a stream, or `no-stream` if it has no events. */
  readonly revision: (stream: string, options?: CallOptions) => Promise<number | "no-stream">
  /** Returns the position of the next event. */
  readonly position: () => Promise<number>
  /**
   * Returns a category of this store, whose events have the types of its schemas.
   *
   * **Example**
   *
   * ```ts
   * const accounts = store.category(Account) // Account: Category.make("account", { Deposited: … })
   * await accounts.append("17", [{ type: "Deposited", data: { cents: 500 } }])
   * for await (const { type, data } of accounts.read("17")) console.log(type, data.cents)
   * ```
   */
  readonly category: <S extends Category.Schemas, R extends Category.Schemas, M>(
    category: Category.Category<S, R, M>
  ) => PromiseCategory<S, R, M>
  /** Opens the tape of this name. A writer creates it if it does not exist. */
  readonly tape: (name: string, options?: TapeOptions) => Promise<PromiseTape>
  /** Writes everything into segments and frees the lock. Await it before the process ends. It closes only once. */
  readonly close: () => Promise<void>
}

const ownChecks = { signal: anything, storage: aLayer } satisfies Checks<StorageOptions & CallOptions>

/** `openContext` checks `shared`. */
const optionChecks = { ...libChecks, ...ownChecks, keyStore: aLayer, shared: anything } satisfies Checks<Options>

const buildIn = (
  scope: Scope.Closeable,
  location: string,
  { keyStore, shared = false, signal: _, storage = NodeStorage.layer, ...options }: Options
) => {
  const layer =
    shared === false ? eventStoreLayer(location, options) : Layer.effectContext(openContext(location, options, shared))
  const store = Layer.provide(layer, storage)
  // Without one, a category finds none in its context.
  const all = keyStore === undefined ? store : Layer.merge(store, Layer.provide(keyStore, NodeDisk.layer))
  return Effect.onError(Layer.buildWithScope(all, scope), (cause) => Scope.close(scope, Exit.failCause(cause)))
}

const openContext = lazy(() => import("./SharedStore.ts"), "openContext")

/** Opens the store at `location`, until `close` is called. Creates the lib if it does not exist. */
export const open = async (location: string, options: Options = {}): Promise<PromiseStore> => {
  const scope = Scope.makeUnsafe()
  const build = () => buildIn(scope, location, options)
  const context = await runOnce("change", "PromiseStore.open", options, build, optionChecks)
  const runs = new Runs(context, scope, location)
  const store = Context.get(context, EventStore)
  const lib = Context.get(context, Lib.Lib)
  const consumers = Scope.forkUnsafe(scope)
  // Consumers stop first: the last checkpoint is of events that the lib still has.
  const close = () => runs.close(Effect.andThen(Scope.close(consumers, Exit.void), lib.close))
  const ofStore: Omit<PromiseStore, keyof PromiseLib> = {
    append: (stream, events, appendOptions) =>
      runs.run("append", "PromiseStore.append", appendOptions, () =>
        store.append(stream, events, withoutSignal(appendOptions))
      ),
    appendAll: (appends, appendOptions) =>
      runs.run("append", "PromiseStore.appendAll", appendOptions, () =>
        store.appendAll(appends, withoutSignal(appendOptions))
      ),
    read: (stream, readOptions) =>
      runs.iterate("PromiseStore.read", readOptions, () => store.read(stream, withoutSignal(readOptions))),
    readAll: (readOptions) =>
      runs.iterate("PromiseStore.readAll", readOptions, () => store.readAll(withoutSignal(readOptions))),
    query: (query, queryOptions) =>
      runs.run("read", "PromiseStore.query", queryOptions, () => store.query(query, withoutSignal(queryOptions))),
    decisionModel: (facts, callOptions) =>
      runs.run("read", "PromiseStore.decisionModel", callOptions, () => store.decisionModel(facts), callChecks),
    subscribe: (from) => runs.iterate("PromiseStore.subscribe", from, () => store.subscribe(withoutSignal(from))),
    subscribeBatches: (from) =>
      runs.iterate("PromiseStore.subscribeBatches", from, () => store.subscribeBatches(withoutSignal(from))),
    subscribeToStream: (stream, from) =>
      runs.iterate("PromiseStore.subscribeToStream", from, () => store.subscribeToStream(stream, withoutSignal(from))),
    consume: (consumeOptions) =>
      runs.run("change", "PromiseStore.consume", consumeOptions, () =>
        consume(runs, consumers, NodeDisk.make, consumeOptions)
      ),
    find: (stream, eventId, callOptions) =>
      runs.run("read", "PromiseStore.find", callOptions, () => store.find(stream, eventId), callChecks),
    findCommand: (stream, commandId, callOptions) =>
      runs.run("read", "PromiseStore.findCommand", callOptions, () => store.findCommand(stream, commandId), callChecks),
    revision: (stream, callOptions) =>
      runs.run("read", "PromiseStore.revision", callOptions, () => store.revision(stream), callChecks),
    position: () => runs.run("read", "PromiseStore.position", undefined, () => store.position),
    category: (category) => makeCategory(runs, category),
    ...decidersOf(runs),
    ...interchangeOf(runs),
    tape: (name, tapeOptions) =>
      runs.run("change", "PromiseStore.tape", tapeOptions, () => openTape(runs, name, tapeOptions)),
    close,
    [Symbol.asyncDispose]: close
  }
  return Object.defineProperties(makeLib(runs, lib), Object.getOwnPropertyDescriptors(ofStore)) as PromiseStore
}

const consume = lazy(() => import("./promise/consume.ts"), "consume")

const openTape = lazy(() => import("./promise/openTape.ts"), "openTape")

/** How to recover a lib. */
export interface RecoverOptions extends Lib.RecoverLibOptions, StorageOptions, CallOptions {}

const recoverOptionChecks = { ...recoverLibChecks, ...ownChecks } satisfies Checks<RecoverOptions>

/**
 * Recovers a lib whose own meta is lost or damaged, while nobody has it open: see `Lib.recover`. Open it afterwards. A tape
 * that lost its meta is recovered by `recoverTape` of the open store.
 */
export const recover = (location: string, options: RecoverOptions = {}): Promise<Lib.RecoverLibReport> =>
  runOnce(
    "change",
    "PromiseStore.recover",
    options,
    () => {
      const { signal: _, storage = NodeStorage.layer, ...recoverOptions } = options
      return Effect.provide(Lib.recover(location, recoverOptions), storage)
    },
    recoverOptionChecks
  )

/** How to restore a backup. */
export interface RestoreOptions extends LongCallOptions<Lib.RestoreOptions>, StorageOptions {}

const restoreOptionChecks = { ...restoreChecks, ...ownChecks } satisfies Checks<RestoreOptions>

/** Restores a backup to `to`, an absent or empty place: see `Lib.restore`. Open it afterwards. */
export const restore = (backup: string, to: string, options: RestoreOptions = {}): Promise<Lib.RestoreReport> =>
  runOnce(
    "change",
    "PromiseStore.restore",
    options,
    () => {
      const { storage = NodeStorage.layer, ...restoreOptions } = options
      return Effect.provide(Lib.restore(backup, to, forServices(restoreOptions)), storage)
    },
    restoreOptionChecks
  )

/**
 * Loads every part of the library that is otherwise loaded when it is first used. For a program that continues to run while its
 * `node_modules` are replaced: see `Lib.preload`.
 */
export const preload = (): Promise<void> => Effect.runPromise(Lib.preload)
