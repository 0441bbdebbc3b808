/** What a category offers, and the types of its events. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import type { InvalidArgument } from "../domain/format/Errors.ts"
import type { StoredType } from "./category/EventTypes.ts"
import type { Unreadable } from "./category/unreadable.ts"
import type {
  QueryItem,
  QueryOptions,
  QueryResult,
  Readable,
  ReadCategoryOptions,
  Reading,
  ReadOptions,
  SubscribeCategoryOptions,
  TypesIn,
  UnreadableError
} from "./CategoryReading.ts"
import type {
  AllReadError,
  AppendOptions,
  AppendResult,
  EventAppendError,
  EventFilter,
  EventStore,
  NewEvent,
  Fact,
  QueryError,
  RecordedEvent,
  StreamReadError,
  SubscribeError,
  SubscribeToStreamError,
  SubscribeToStreamOptions,
  TypeFilter
} from "./EventStore.ts"
import type { StorageError } from "./ports/Storage.ts"
import type { Metadata, New, Plain, Recorded, Schemas } from "./EventUnions.ts"

/** No types. */
export type NoTypes = { readonly [Type in never]: Schema.Codec<unknown, unknown> }

/** Types of stored events that are no longer appended under their name, and the schema of metadata. */
export interface Options<S extends Schemas, R extends Schemas = NoTypes, M = Metadata> {
  /** Schemas of types that are only read. An append of one fails with `EventSchemaError`. Default: none. */
  readonly retired?: R
  /**
   * Present names of types by their former names. An event that was stored under a former name is read under the
   * present one, by the schema of that; an append under a former name fails with `EventSchemaError`. Default: none.
   */
  readonly renamed?: { readonly [former: string]: NoInfer<(keyof S | keyof R) & string> }
  /**
   * Schema of the metadata of all events of the category: of plain objects, not of instances of a class. It describes what
   * your program adds: the marks of `AppendOptions` are stored next to it. The schema sees a mark only if it names its
   * key. Then `append` fails with `EventSchemaError` if the schema could not read the mark back; `encode` does not know the
   * marks of an `appendAll`. Default: any JSON object.
   */
  readonly metadata?: Schema.Codec<M, unknown>
}

/**
 * Events of a category `C` as a decider sees them: a union of `{ type, data }` in which `type` determines `data`. A stored
 * event and an event to append both fit it, so that a decider and its tests need neither ids nor revisions. Retired types
 * are part of it.
 *
 * @example
 * ```ts
 * type AccountEvent = Category.EventOf<typeof Account>
 * const evolve = (cents: number, event: AccountEvent): number =>
 *   event.type === "Deposited" ? cents + event.data.cents : cents
 * ```
 */
export type EventOf<C> = C extends Category<infer S, infer R, infer _> ? Plain<S> | Plain<R> : never

/** Events to append to a category `C`: those of `EventOf` that are not retired, and optionally `id`, `tags` and `metadata`. */
export type NewOf<C> = C extends Category<infer S, infer _, infer M> ? New<S, M> : never

/** Stored events of a category `C`: those of `EventOf`, and where, when and with what they were stored. */
export type RecordedOf<C> = C extends Category<infer S, infer R, infer M> ? Recorded<S, M> | Recorded<R, M> : never

/**
 * Operations on the streams of one category. All of them use the `EventStore` in context, except `encode` and `decode`.
 */
export interface Category<S extends Schemas, R extends Schemas = NoTypes, M = Metadata> {
  /** Name of the category, such as `account`. */
  readonly name: string
  /** Schemas as they were given to `make`. */
  readonly schemas: S
  /** Schemas of retired types as they were given to `make`. */
  readonly retired: R
  /** Schema of the metadata as it was given to `make`; `undefined` for any JSON object. */
  readonly metadata: Schema.Codec<M, unknown> | undefined
  /**
   * Returns the names and versions in which events of the category may be stored, also by earlier programs: those of present
   * types, of retired ones and of former names.
   */
  readonly storedTypes: () => ReadonlyArray<StoredType>
  /**
   * Returns a filter for `EventStore.readAll`, `EventStore.subscribe` and `Consumer.make`: of the events of this category, and
   * with `types` of those types, whatever name they were stored under. Throws `InvalidArgument` if the category has no such
   * type.
   */
  readonly filter: (filter?: TypeFilter<(keyof S | keyof R) & string>) => EventFilter
  /**
   * Whether events of the category have fields that are encrypted, made by `Erasable.field`. Those that are appended or read then
   * need a `KeyStore` in context: without one an append fails with `EventSchemaError`, and an event with such a field cannot be
   * decoded.
   */
  readonly isErasable: boolean
  /** Returns the name of an aggregate's stream: `account-17` for the id `17`. */
  readonly stream: (id: string) => string
  /**
   * Encodes an event for `EventStore.appendAll`, which can append to several categories as one batch. Fails with
   * `EventSchemaError` if the type is unknown, retired or renamed, if the data does not match its schema, or if it would
   * not be read back as the same value. If the schema transforms the data, this costs decoding it, and encoding it
   * again. Fields of `Erasable.field` are encrypted when the event is appended, since that takes its stream and id: such an
   * event cannot be sent to another process.
   */
  readonly encode: (event: New<S, M>) => Effect.Effect<NewEvent, EventSchemaError | StorageError>
  /**
   * Decodes an event that was read through `EventStore`. Fails with `EventSchemaError` if its type is unknown or its
   * stored data does not match the schema.
   */
  readonly decode: (
    event: RecordedEvent
  ) => Effect.Effect<Recorded<S, M> | Recorded<R, M>, EventSchemaError | StorageError>
  /**
   * Appends events to the stream of one aggregate, as `EventStore.append` does. Fails with `EventSchemaError` before
   * anything is appended if `encode` would fail for one of the events. An event is a repeat, too, if it was appended with its
   * id in an older version or under a former name, and is now read as this event.
   */
  readonly append: (
    id: string,
    events: ReadonlyArray<New<S, M>>,
    options?: AppendOptions
  ) => Effect.Effect<AppendResult, EventAppendError | EventSchemaError, EventStore>
  /**
   * Reads the events of one aggregate, as `EventStore.read` does. If it cannot decode an event, it does what the option
   * `unreadable` says: by default it returns the events before that event, and then fails with `EventSchemaError`. With
   * `filter.types` it returns only events of these types, whatever name they were stored under; it fails with
   * `InvalidArgument` if the category has no such type.
   */
  readonly read: <
    P extends Unreadable = "fail",
    Types extends (keyof S | keyof R) & string = (keyof S | keyof R) & string
  >(
    id: string,
    options?: ReadOptions<Types> & Reading<P>
  ) => Stream.Stream<Readable<S, R, P, M, Types>, StreamReadError | UnreadableError<P>, EventStore>
  /**
   * Reads the events of all aggregates of the category by position, as `EventStore.readAll` does, with the policy and the
   * filter of `read`. With placement `category-or-shared` or `category` it reads only the tape of this category; and the
   * shared tape, if that has a stream that is named like the category.
   */
  readonly readAll: <
    P extends Unreadable = "fail",
    Types extends (keyof S | keyof R) & string = (keyof S | keyof R) & string
  >(
    options?: ReadCategoryOptions<Types> & Reading<P>
  ) => Stream.Stream<Readable<S, R, P, M, Types>, AllReadError | InvalidArgument | UnreadableError<P>, EventStore>
  /**
   * Returns the events of the category that match a query, as `EventStore.query` does, and the condition to pass to the
   * append. Types are those of the category, whatever name they were stored under. It fails with `EventSchemaError` for an
   * event that it cannot decode, unless `unreadable` says otherwise: an item without `types` also matches events of types
   * that the category does not know. Events of other categories that match are left out; the condition counts them.
   *
   * @example
   * ```ts
   * const { condition, events } = yield* Course.query([{ types: ["StudentSubscribed"], tags: ["course:17"] }])
   * if (events.length >= 30) return yield* new CourseIsFull()
   * yield* Course.append("17", [subscribed], { condition })
   * ```
   */
  readonly query: <
    const Items extends ReadonlyArray<QueryItem<(keyof S | keyof R) & string>>,
    P extends Unreadable = "fail"
  >(
    query: Items,
    options?: QueryOptions & Reading<P>
  ) => Effect.Effect<
    QueryResult<Readable<S, R, P, M, TypesIn<Items, (keyof S | keyof R) & string>>>,
    QueryError | UnreadableError<P>,
    EventStore
  >
  /**
   * Returns a fact for `EventStore.decisionModel`, whose `evolve` gets decoded events of this category. The decision
   * model fails with `EventSchemaError` if one of them cannot be decoded.
   *
   * @throws InvalidArgument
   */
  readonly fact: <State, const Items extends ReadonlyArray<QueryItem<(keyof S | keyof R) & string>>>(fact: {
    readonly query: Items
    readonly initialState: () => State
    readonly evolve: (
      state: State,
      event: Readable<S, R, "fail", M, TypesIn<Items, (keyof S | keyof R) & string>>
    ) => State
  }) => Fact<State>
  /**
   * Streams the events of the category by position, then those that are appended later, as `EventStore.subscribe` does, with
   * the policy and the filter of `readAll`. By default it ends with `EventSchemaError` at an event that it cannot decode,
   * after the events before it.
   */
  readonly subscribe: <
    P extends Unreadable = "fail",
    Types extends (keyof S | keyof R) & string = (keyof S | keyof R) & string
  >(
    options?: SubscribeCategoryOptions<Types> & Reading<P>
  ) => Stream.Stream<Readable<S, R, P, M, Types>, SubscribeError | UnreadableError<P>, EventStore>
  /** Streams the events of one aggregate by revision, then those that are appended later. Everything else is as for `subscribe`. */
  readonly subscribeToStream: <P extends Unreadable = "fail">(
    id: string,
    options?: SubscribeToStreamOptions & Reading<P>
  ) => Stream.Stream<Readable<S, R, P, M>, SubscribeToStreamError | UnreadableError<P>, EventStore>
}
