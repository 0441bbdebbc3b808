/**
 * Where consumers keep their checkpoints, and the events that they parked.
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
    return `consumer ${this.consumer} runs already: its checkpoint in ${this.place} is claimed. Stop the other run, or wait with onClaimed: "wait": if that run was killed, its claim ends by itself, at the latest after its lease.`
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

/** Additional operations of a store that keeps the checkpoint in the lib itself. */
export interface InLib {
  /** Number of events that may be in flight, so that a checkpoint stays small. */
  readonly inFlightMax: number
  /** Replaces the stored checkpoint. `set` adds to it. */
  readonly replace: (text: string) => Effect.Effect<void, StorageError>
  /** Whether an event is done, durably: perhaps by an append of the handler that had it as its checkpoint. */
  readonly isDone: (position: number) => Effect.Effect<boolean>
  /** Fails if a recovery has lost the checkpoint, and this version would continue with it. */
  readonly refuseLost: (version: number) => Effect.Effect<void, CheckpointLost>
  /** Whether parked events are kept too, such as the dead letters of a reactor. Default: false. */
  readonly keepsParked?: boolean
}

/**
 * The entries of one consumer: texts by keys of letters, digits and `-`. `set` and `remove` are atomic, and once they
 * succeed as durable as the store. They fail with `lock-lost` once the claim is known to be lost.
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
   * Runs an effect as one transaction: its changes of entries, and its changes in the same database, are committed
   * together or not at all. If the effect fails, everything is rolled back, and `transaction` fails with the same
   * error. It fails with a `StorageError` if the transaction cannot begin or be committed, or the claim is lost; the
   * reason is `rolled-back` if the database refuses the changes. A store without transactions leaves it out.
   */
  readonly transaction?: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StorageError, R>
  /**
   * Completes with `lock-lost` once another run is known to have the claim. The consumer must stop: two runs must not
   * handle events at the same time. A store whose claims never expire leaves it out.
   */
  readonly lost?: Effect.Effect<StorageError>
  /** Present if the checkpoint is kept in the lib itself, which keeps no parked events. */
  readonly inLib?: InLib
}

/** Keeps checkpoints outside the lib, so it never fails with `CheckpointsNeedWriter`. */
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
