/**
 * Events for the specs: given events, handled events, and expected events. `of` makes them from a category, with its
 * types. Without a category, or for events that an earlier program stored, write the object yourself:
 * `{ stream: "order-17", events: [{ type: "OrderPlaced", data: { cents: 500 } }] }`.
 *
 * @example
 * ```ts
 * const opened = GivenEvents.of(Account, "17", [{ type: "Opened", data: { owner: "Ada" } }])
 * const later = GivenEvents.of(Account, "17", [{ type: "Deposited", data: { cents: 500 } }], { time: "2031-02-03T04:05:06Z" })
 * ```
 */
import * as Effect from "effect/Effect"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import type { EventOf, NewOf, StoredType } from "../services/Category.ts"
import type { NewEvent } from "../services/EventStore.ts"
import type { StorageError } from "../services/ports/Storage.ts"
import { encodeGiven } from "./internal/spec/encodeGiven.ts"

/** Values that a spec generates for its events, unless you set them. */
export interface Options {
  /**
   * Time of the append of each of them, such as `2031-02-03T04:05:06Z`. Default: a second after the event before; the first
   * event of a spec is of 2026-01-01.
   */
  readonly time?: string
  /** An id that the events share with others, in their metadata. Default: none. */
  readonly correlationId?: string
  /** Id of the event or command that caused the events, in their metadata. Default: none. */
  readonly causationId?: string
}

/**
 * Events of one stream. Their revisions and positions follow from the order in which they are given, as in a lib. Those
 * without an id get one from the position: `given-0`.
 */
export interface GivenEvents extends Options {
  /** Name of the stream, such as `account-17`. */
  readonly stream: string
  /** The events as they are stored, or an effect that encodes them. */
  readonly events: ReadonlyArray<NewEvent> | Effect.Effect<ReadonlyArray<NewEvent>, EventSchemaError>
}

/** A category of any events. */
export interface AnyCategory {
  /** Name of the category. */
  readonly name: string
  /** Schemas of its retired types. */
  readonly retired: object
  /** Returns the name of an aggregate's stream. */
  readonly stream: (id: string) => string
  /** Returns the names and versions in which events may be stored. */
  readonly storedTypes: () => ReadonlyArray<StoredType>
  /** Encodes an event to append. */
  readonly encode: (event: never) => Effect.Effect<NewEvent, EventSchemaError | StorageError>
}

/**
 * Returns events of the stream of an aggregate; retired types are accepted. The schemas of the category check them: a
 * spec fails with `EventSchemaError` for an event that does not match. Write events of older versions and former names
 * as they are stored.
 */
export const of = <C extends AnyCategory>(
  category: C,
  id: string,
  events: ReadonlyArray<NewOf<NoInfer<C>> | EventOf<NoInfer<C>>>,
  options: Options = {}
): GivenEvents => ({
  ...options,
  stream: category.stream(id),
  events: Effect.forEach(events, (event) => encodeGiven(category, event))
})
