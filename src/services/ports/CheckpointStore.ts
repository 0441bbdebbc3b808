/**
 * Where consumers keep how far they are, and the events that they parked.
 *
 * @see `litetapes/CheckpointStore` for the implementations, `litetapes/Consumer` for consumers
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Shape from "../../domain/base/Shape.ts"
import { TaggedError } from "../../domain/base/TaggedError.ts"
import type { StorageError } from "./Storage.ts"

/** The consumer runs already, in this process or in another one, and `onClaimed` is `refuse`. Nothing was handled. */
export class ConsumerClaimed extends TaggedError<ConsumerClaimed>("litetapes/ConsumerClaimed")("ConsumerClaimed", {
  /** Name of the consumer. */
  consumer: Shape.String,
  /** Where its checkpoint is kept. */
  place: Shape.String
}) {
  override get message() {
    return `consumer ${this.consumer} runs already: its checkpoint in ${this.place} is claimed. Stop the other run, or wait for it with onClaimed: "wait".`
  }
}

/**
 * What is kept for one consumer: texts by keys of letters, digits and `-`. `set` and `remove` are atomic, and durable once
 * they succeed as far as the store is. They fail with `lock-lost` once the claim is found lost.
 */
export interface ClaimedEntries {
  /** Describes the place in errors, such as a path. */
  readonly place: string
  /** Returns the text of a key; `undefined` if the key is not set. */
  readonly get: (key: string) => Effect.Effect<string | undefined, StorageError>
  /** Sets the text of a key. */
  readonly set: (key: string, text: string) => Effect.Effect<void, StorageError>
  /** Removes a key. Succeeds if it is not set. */
  readonly remove: (key: string) => Effect.Effect<void, StorageError>
  /** Returns all keys of this consumer, in no particular order. */
  readonly keys: Effect.Effect<ReadonlyArray<string>, StorageError>
  /**
   * Runs an effect as one transaction: what it sets and removes here, and what it changes in the same database, happens
   * together or not at all. If the effect fails, nothing of it happens, and this fails in the same way. It fails with a
   * `StorageError` of its own if the transaction cannot begin or be committed, or the claim is lost. Left out by a store
   * without transactions.
   */
  readonly transaction?: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StorageError, R>
}

/** Keeps checkpoints, as a service. */
export class CheckpointStore extends Context.Service<
  CheckpointStore,
  {
    /**
     * Claims the name of a consumer until the scope closes. If it is claimed, fails with `ConsumerClaimed`
     * (`refuse`), or waits until it is free (`wait`).
     */
    readonly claim: (
      consumer: string,
      onClaimed: "refuse" | "wait"
    ) => Effect.Effect<ClaimedEntries, ConsumerClaimed | StorageError, Scope.Scope>
  }
>()("litetapes/CheckpointStore") {}
