/** The options and the results of the reads of a category. */
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import type { Raw, Unreadable } from "./category/unreadable.ts"
import type {
  AppendCondition,
  Boundary,
  QueryOptions as StoreQueryOptions,
  ReadAllOptions,
  ReadStreamOptions,
  SubscribeOptions,
  TypeFilter
} from "./EventStore.ts"
import type { Metadata, Recorded, Schemas } from "./EventUnions.ts"

/** Range and filter of the events of an aggregate. `Types` are the types of the events that may match. */
export interface ReadOptions<Types extends string> extends ReadStreamOptions {
  /** Events to return, by type, tags and correlation id. Default: all. */
  readonly filter?: TypeFilter<Types>
}

/** Range and filter of the events of a category. `Types` are the types of the events that may match. */
export interface ReadCategoryOptions<Types extends string> extends Omit<ReadAllOptions, "filter"> {
  /** Events to return, by type, tags and correlation id. Default: all. */
  readonly filter?: TypeFilter<Types>
}

/** Where a subscription to a category begins, and which events it wants. `Types` are the types of the events that may match. */
export interface SubscribeCategoryOptions<Types extends string> extends Omit<SubscribeOptions, "filter"> {
  /** Events to return, by type, tags and correlation id. Default: all. */
  readonly filter?: TypeFilter<Types>
}

/** An event that a read with policy `P` returns. With `raw`, test `event.raw` before you use `event.type`. */
export type Readable<
  S extends Schemas,
  R extends Schemas,
  P extends Unreadable,
  M = Metadata,
  Types extends keyof S | keyof R = keyof S | keyof R
> = [P] extends [Unreadable]
  ? "raw" extends P
    ? (Decoded<S, R, M, Types> & { readonly raw?: undefined }) | Raw
    : Decoded<S, R, M, Types>
  : never

type Decoded<S extends Schemas, R extends Schemas, M, Types> = [S] extends [Schemas]
  ? Recorded<S, M, Types & keyof S> | Recorded<R, M, Types & keyof R>
  : never

/** Errors of a read with policy `P`, in addition to those of `EventStore`. */
export type UnreadableError<P extends Unreadable> = "fail" extends P ? EventSchemaError : never

/** Option of the reads of a category. */
export interface Reading<P extends Unreadable> {
  /**
   * What the read does about an event that it cannot decode. With `skip`, `limit` counts only the events that are
   * returned. Default: `fail`.
   */
  readonly unreadable?: P
}

/** An item of a query of a category. `Types` are the types that it may name, whatever name events were stored under. */
export interface QueryItem<Types extends string> {
  /** Event types, one of which the event must have. Default: any, also one that the category does not know. */
  readonly types?: ReadonlyArray<Types>
  /** Tags, all of which the event must have. Default: any. */
  readonly tags?: ReadonlyArray<string>
}

/** Range of a query of a category. It has no `limit`: a decision needs all events. */
export type QueryOptions = Omit<StoreQueryOptions, "limit">

/** The events of a category that match a query, and what to pass to the append. */
export interface QueryResult<Event> {
  /** Events of the category that match, by position. */
  readonly events: ReadonlyArray<Event>
  /** Up to where events were taken into account. It was taken before they were read. */
  readonly boundary: Boundary
  /**
   * Condition for the append: no event that matches the query was appended after the boundary. It knows the former names of
   * renamed types.
   */
  readonly condition: AppendCondition
}

/** The types of events that may match items of a query: those that they name, or all if one of them names none. */
export type TypesIn<Items extends ReadonlyArray<unknown>, All extends string> = TypesOf<Items[number], All>

type TypesOf<Item, All extends string> = Item extends { readonly types: ReadonlyArray<infer Type> } ? Type & All : All
