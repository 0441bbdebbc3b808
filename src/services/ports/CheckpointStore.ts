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
import type { CheckpointLost } from "../../domain/event/CheckpointErrors.ts"
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
 * The checkpoint is to be kept in a lib that is open for reading only. Nothing was handled. Consumers of a reader need a
 * store of their own: a folder, or a `KeyValueStore`.
 */
export class CheckpointsNeedWriter extends TaggedError<CheckpointsNeedWriter>("litetapes/CheckpointsNeedWriter")(
  "CheckpointsNeedWriter",
  {
    /** Name of the consumer. */
    consumer: Shape.String,
    /** Location of the lib. */
    location: Shape.String
  }
) {
  override get message() {
    return `consumer ${this.consumer} cannot keep its checkpoint in ${this.location}, which is open for reading. Provide CheckpointStore.layerFolder or layerKeyValueStore instead, or run the consumer in the writer's process.`
  }
}

/** What a store adds that keeps the checkpoint in the lib itself. */
export interface InLib {
  /** Number of events that may be in flight, so that a checkpoint stays small. */
  readonly inFlightMax: number
  /** Replaces the checkpoint, whatever is there. `set` adds to it. */
  readonly replace: (text: string) => Effect.Effect<void, StorageError>
  /** Whether an event is done, durably: perhaps by an append of the handler that had it as its checkpoint. */
  readonly isDone: (position: number) => Effect.Effect<boolean>
  /** Fails if a recovery has lost the checkpoint, and this version would continue with it. */
  readonly refuseLost: (version: number) => Effect.Effect<void, CheckpointLost>
  /** Whether parked events are kept too, such as the dead letters of a reactor. Default: false. */
  readonly keepsParked?: boolean
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
   * `StorageError` of its own if the transaction cannot begin or be committed, or the claim is lost; its reason is
   * `rolled-back` if the database refuses what the effect has done. Left out by a store without transactions.
   */
  readonly transaction?: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StorageError, R>
  /**
   * Completes with `lock-lost` once another run is found to have the claim. The consumer must stop: two runs must not
   * handle events at the same time. Left out by a store whose claims do not end by themselves.
   */
  readonly lost?: Effect.Effect<StorageError>
  /** Present if the checkpoint is kept in the lib itself, which keeps no parked events. */
  readonly inLib?: InLib
}

/** Keeps checkpoints outside the lib: it never needs its writer. */
export interface OutsideLib {
  readonly claim: (
    consumer: string,
    onClaimed: "refuse" | "wait"
  ) => Effect.Effect<ClaimedEntries, ConsumerClaimed | StorageError, Scope.Scope>
}

/** Keeps checkpoints, as a service. */
export class CheckpointStore extends Context.Service<
  CheckpointStore,
  {
    /**
     * Claims the name of a consumer until the scope closes. If it is claimed, fails with `ConsumerClaimed`
     * (`refuse`), or waits until it is free (`wait`). A store in the lib fails with `CheckpointsNeedWriter` in a reader.
     */
    readonly claim: (
      consumer: string,
      onClaimed: "refuse" | "wait"
    ) => Effect.Effect<ClaimedEntries, ConsumerClaimed | CheckpointsNeedWriter | StorageError, Scope.Scope>
  }
>()("litetapes/CheckpointStore") {}
