/** Reads of a category: from the event store, decoded, with what the category says about events that it cannot decode. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { InvalidArgument } from "../domain/format/Errors.ts"
import { aCallback, anything, type Check, type Checks, refuseWrongOptions } from "../domain/format/checkOptions.ts"
import { category as categoryOf } from "../domain/format/Placement.ts"
import { attempt } from "./base/attempt.ts"
import type { StorageError } from "./ports/Storage.ts"
import { checkOptions } from "./base/checkCall.ts"
import { queryingChecks, refuseTypes, takeItems } from "./category/checkCategoryCall.ts"
import { openerOf } from "./category/erasure/CategoryKeys.ts"
import type { Decoded, EventTypes } from "./category/EventTypes.ts"
import { decodeAll, decodeStream, type Decode, type Decoding, type Unreadable } from "./category/unreadable.ts"
import type { QueryOptions, QueryResult, Reading, UnreadableError } from "./CategoryReading.ts"
import {
  EventStore,
  type Fact,
  type QueryError,
  type QueryItem,
  type RecordedEvent,
  type TypeFilter
} from "./EventStore.ts"
import type { Schemas } from "./EventUnions.ts"
import { type Prepare, prepared } from "./streams/prepared.ts"
import { refuseCategories } from "./streams/EventFilter.ts"

type Store = EventStore["Service"]

const factChecks = { query: anything, initialState: aCallback, evolve: aCallback } satisfies Checks<Fact<unknown>>

/** Reads events of one category. The types of what it returns are those that `Category` declares. */
export class CategoryReads {
  readonly #name: string
  readonly #types: EventTypes
  /** Schemas of all types that can be read. */
  readonly #schemas: Schemas

  constructor(name: string, types: EventTypes, schemas: Schemas) {
    this.#name = name
    this.#types = types
    this.#schemas = schemas
  }

  readonly #decode: Decode<Decoded> = (event) => this.#types.decode(event)

  /** Looks up the keys of encrypted fields. */
  readonly #prepare = (events: ReadonlyArray<RecordedEvent>): Effect.Effect<Decode<Decoded>, StorageError> =>
    Effect.map(openerOf(this.#types, events), (open) => (event) => this.#types.decode(event, open))

  get #decoding(): Decoding<Decoded, StorageError> {
    return { decode: this.#decode, prepare: this.#types.mayBeErasable ? this.#prepare : undefined }
  }

  /** The event that a fact has decoded last: the next one may want it as well. */
  #last: { readonly event: RecordedEvent; readonly decoded: ReturnType<EventTypes["decode"]> } | undefined

  readonly #decodeOnce: Decode<Decoded> = (event) => {
    if (this.#last?.event !== event) this.#last = { event, decoded: this.#types.decode(event) }
    return this.#last.decoded
  }

  /** Streams what `read` returns, decoded. */
  stream<A, P extends Unreadable, O extends object, E>(
    call: string,
    given: O & Reading<P>,
    checks: Readonly<Record<string, Check>>,
    read: (store: Store, options: Omit<O, "unreadable">) => Stream.Stream<RecordedEvent, E>
  ): Stream.Stream<A, E | InvalidArgument | UnreadableError<P>, EventStore> {
    const decoded = Effect.gen({ self: this }, function* () {
      const store = yield* EventStore
      yield* checkOptions(call, given, checks)
      const { unreadable = "fail" as P, ...options } = given
      const { filter, limit } = options as { readonly limit?: number; readonly filter?: TypeFilter }
      const refusal = refuseCategories(filter, call) ?? refuseTypes(filter, call, this.#name, this.#schemas)
      if (refusal !== undefined) return yield* refusal
      const stored = this.#types.storedFilter<Omit<O, "unreadable">>(options)
      if (unreadable !== "skip" || limit === undefined)
        return decodeStream(read(store, stored), this.#decoding, unreadable)
      // What is skipped does not count, so the store cannot apply the limit.
      const whole = { ...stored, limit: Number.POSITIVE_INFINITY }
      return Stream.take(decodeStream(read(store, whole), this.#decoding, unreadable), limit)
    })
    return Stream.unwrap(decoded) as Stream.Stream<A, E | InvalidArgument | UnreadableError<P>, EventStore>
  }

  /** Returns the events of the category that match a query, decoded. */
  query<A, P extends Unreadable>(
    query: ReadonlyArray<QueryItem>,
    given: QueryOptions & Reading<P>
  ): Effect.Effect<QueryResult<A>, QueryError | UnreadableError<P>, EventStore> {
    const queried = Effect.gen({ self: this }, function* () {
      const store = yield* EventStore
      yield* checkOptions("Category.query", given, queryingChecks)
      const { unreadable = "fail", ...range } = given
      const wanted = yield* attempt<ReadonlyArray<QueryItem>, InvalidArgument>(() =>
        this.#storedItems("Category.query", "query", query)
      )
      const { boundary, events } = yield* store.query(wanted, range)
      const decoded = yield* decodeAll(events.filter(this.#isOurs), this.#decoding, unreadable)
      const condition = { failIfEventsMatch: wanted, after: boundary }
      return { events: decoded as ReadonlyArray<A>, boundary, condition }
    })
    return queried as Effect.Effect<QueryResult<A>, QueryError | UnreadableError<P>, EventStore>
  }

  /**
   * Returns a fact whose events are decoded.
   *
   * @throws InvalidArgument
   */
  fact<State, A>(given: {
    readonly query: ReadonlyArray<QueryItem>
    readonly initialState: () => State
    readonly evolve: (state: State, event: A) => State
  }): Fact<State> {
    refuseWrongOptions("Category.fact", given ?? null, factChecks, "fact")
    const { evolve, initialState } = given
    const missing = (["initialState", "evolve"] as const).find((option) => given[option] === undefined)
    if (missing !== undefined)
      throw new InvalidArgument({ call: "Category.fact", argument: `fact.${missing}`, why: "must be a function" })
    const evolving =
      (decode: Decode<Decoded>): Fact<State>["evolve"] =>
      (state, event) => {
        if (!this.#isOurs(event)) return state
        const decoded = decode(event)
        // The decision model fails with it.
        if (Result.isFailure(decoded)) throw decoded.failure
        return evolve(state, decoded.success as A)
      }
    const evolved = evolving(this.#decodeOnce)
    const prepare = (events: ReadonlyArray<RecordedEvent>) =>
      this.#types.mayBeErasable
        ? Effect.map(this.#prepare(events.filter(this.#isOurs)), (decode) => evolving(decode))
        : Effect.succeed(evolved)
    prepared.set(evolved, prepare as Prepare)
    return { query: this.#storedItems("Category.fact", "fact.query", given.query), initialState, evolve: evolved }
  }

  /** Types and tags do not name a category, so events of others may match a query. */
  readonly #isOurs = ({ stream }: RecordedEvent): boolean => categoryOf(stream) === this.#name

  #storedItems(call: string, argument: string, query: unknown): ReadonlyArray<QueryItem> {
    return this.#types.storedItems(takeItems(query, call, argument, this.#name, this.#schemas))
  }
}
