/** A category with its types, for callers without Effect. */
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type * as Category from "../../services/Category.ts"
import type {
  AppendOptions,
  AppendResult,
  EventStore,
  RecordedEvent,
  SubscribeToStreamOptions
} from "../../services/EventStore.ts"
import type * as Lib from "../../services/Lib.ts"
import { type CallOptions, withoutSignal } from "./CallOptions.ts"
import type { Runs } from "./Runs.ts"

/** A category of an open store. Each method does what the one of `Category` does, with the same types. */
export interface PromiseCategory<
  S extends Category.Schemas,
  R extends Category.Schemas = Category.NoTypes,
  M = Category.Metadata
> {
  /** Name of the category, such as `account`. */
  readonly name: string
  /** Returns the name of an aggregate's stream: `account-17` for the id `17`. */
  readonly stream: (id: string) => string
  /** Returns a filter of its events for `PromiseStore.consume` and `PromiseStore.subscribe`: see `Category.filter`. */
  readonly filter: Category.Category<S, R, M>["filter"]
  /**
   * Returns the decoded form of an event as it is stored, such as a consumer gets it. Returns at once, and throws
   * `EventSchemaError` if it cannot be decoded. If it has encrypted fields, the keys must be in a store that returns at once, as a
   * folder and SQLite do.
   */
  readonly decode: (event: RecordedEvent) => Category.Recorded<S, M> | Category.Recorded<R, M>
  /**
   * Appends events to the stream of one aggregate, and resolves once they are durable. Rejects with `EventSchemaError`
   * before anything is appended if an event does not match its schema.
   */
  readonly append: (
    id: string,
    events: ReadonlyArray<Category.New<S, M>>,
    options?: AppendOptions & CallOptions
  ) => Promise<AppendResult>
  /** Iterates over the events of one aggregate. */
  readonly read: <
    P extends Category.Unreadable = "fail",
    Types extends (keyof S | keyof R) & string = (keyof S | keyof R) & string
  >(
    id: string,
    options?: Category.ReadOptions<Types> & Category.Reading<P> & CallOptions
  ) => AsyncIterable<Category.Readable<S, R, P, M, Types>>
  /** Iterates over the events of all aggregates of the category, by position. */
  readonly readAll: <
    P extends Category.Unreadable = "fail",
    Types extends (keyof S | keyof R) & string = (keyof S | keyof R) & string
  >(
    options?: Category.ReadCategoryOptions<Types> & Category.Reading<P> & CallOptions
  ) => AsyncIterable<Category.Readable<S, R, P, M, Types>>
  /** Returns the events of the category that match a query, and the condition for the append: see `Category.query`. */
  readonly query: <
    const Items extends ReadonlyArray<Category.QueryItem<(keyof S | keyof R) & string>>,
    P extends Category.Unreadable = "fail"
  >(
    query: Items,
    options?: Category.QueryOptions & Category.Reading<P> & CallOptions
  ) => Promise<
    Category.QueryResult<Category.Readable<S, R, P, M, Category.TypesIn<Items, (keyof S | keyof R) & string>>>
  >
  /** Returns a fact for `PromiseStore.decisionModel`, whose events are decoded. */
  readonly fact: Category.Category<S, R, M>["fact"]
  /**
   * Iterates over the events of the category by position, and then over those that are appended later. Ends only by an
   * error, by `break`, or by its `signal`. Keeps the process alive.
   */
  readonly subscribe: <
    P extends Category.Unreadable = "fail",
    Types extends (keyof S | keyof R) & string = (keyof S | keyof R) & string
  >(
    options?: Category.SubscribeCategoryOptions<Types> & Category.Reading<P> & CallOptions
  ) => AsyncIterable<Category.Readable<S, R, P, M, Types>>
  /** Iterates over the events of one aggregate, and then over those that are appended to it later. */
  readonly subscribeToStream: <P extends Category.Unreadable = "fail">(
    id: string,
    options?: SubscribeToStreamOptions & Category.Reading<P> & CallOptions
  ) => AsyncIterable<Category.Readable<S, R, P, M>>
}

/** Makes the face of a category. Throws `InvalidArgument` for anything else. */
export const makeCategory = <S extends Category.Schemas, R extends Category.Schemas, M>(
  runs: Runs<EventStore | Lib.Lib>,
  category: Category.Category<S, R, M>
): PromiseCategory<S, R, M> => {
  if (!isCategory(category)) {
    const why = "must be a category: pass one that Category.make returned"
    throw new InvalidArgument({ call: "PromiseStore.category", argument: "category", why })
  }
  return {
    name: category.name,
    stream: category.stream,
    filter: category.filter,
    decode: (event) => runs.now(category.decode(event)),
    append: (id, events, options) =>
      runs.run("append", "PromiseCategory.append", options, () => category.append(id, events, withoutSignal(options))),
    read: (id, options) =>
      runs.iterate("PromiseCategory.read", options, () => category.read(id, withoutSignal(options))),
    readAll: (options) =>
      runs.iterate("PromiseCategory.readAll", options, () => category.readAll(withoutSignal(options))),
    query: (query, options) =>
      runs.run("read", "PromiseCategory.query", options, () => category.query(query, withoutSignal(options))),
    fact: category.fact,
    subscribe: (options) =>
      runs.iterate("PromiseCategory.subscribe", options, () => category.subscribe(withoutSignal(options))),
    subscribeToStream: (id, options) =>
      runs.iterate("PromiseCategory.subscribeToStream", options, () =>
        category.subscribeToStream(id, withoutSignal(options))
      )
  }
}

const isCategory = (value: object): boolean => {
  try {
    return ["stream", "append", "read", "readAll"].every((name) => typeof Reflect.get(value, name) === "function")
  } catch {
    return false
  }
}
