/** Calls of the handler in transactions of the checkpoint store, with the checkpoint. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import { StorageError } from "../ports/Storage.ts"
import type { CheckpointWriter } from "./CheckpointWriter.ts"

/** Rolls a transaction back, with what the handler failed with. */
class RolledBack {
  readonly exit: Exit.Exit<unknown, unknown>

  constructor(exit: Exit.Exit<unknown, unknown>) {
    this.exit = exit
  }
}

/** What the database refused fails like a call of the handler: it may be one event that it refuses. */
const asRolledBack = <E>(error: E | StorageError): E | StorageError =>
  error instanceof StorageError && error.reason === "rolled-back" ? (new RolledBack(Exit.fail(error)) as never) : error

const isRolledBack = (error: unknown): error is RolledBack => error instanceof RolledBack

export class Transactions {
  readonly #transaction: NonNullable<ClaimedEntries["transaction"]>
  readonly #writer: CheckpointWriter
  /** Events in a transaction, at most. */
  readonly eventsMax: number

  constructor(transaction: NonNullable<ClaimedEntries["transaction"]>, writer: CheckpointWriter, eventsMax: number) {
    this.#transaction = (effect) => Effect.mapError(transaction(effect), asRolledBack)
    this.#writer = writer
    this.eventsMax = eventsMax
  }

  /**
   * Runs calls of the handler, `rest` if they succeed, and writes the checkpoint in which their events are done, in one
   * transaction. Returns how the calls ended: if they failed, nothing has happened. Fails if the transaction does.
   */
  run(
    positions: ReadonlyArray<number>,
    calls: Effect.Effect<Exit.Exit<unknown, unknown>>,
    rest: Effect.Effect<void, StorageError>
  ): Effect.Effect<Exit.Exit<unknown, unknown>, StorageError> {
    const called = Effect.flatMap(calls, (exit) =>
      Exit.isSuccess(exit) ? rest : Effect.fail<StorageError | RolledBack>(new RolledBack(exit))
    )
    return Effect.matchEffect(this.#writer.together(this.#transaction, positions, called, isRolledBack), {
      onSuccess: () => Effect.succeed<Exit.Exit<unknown, unknown>>(Exit.void),
      onFailure: (error) => (isRolledBack(error) ? Effect.succeed(error.exit) : Effect.fail(error))
    })
  }
}
