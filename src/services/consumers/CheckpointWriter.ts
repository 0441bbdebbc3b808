/**
 * Writes the checkpoint: some time after the first change, or after a number of done events, and at the end. After a write
 * or a transaction whose outcome is unknown it writes nothing more: a newer checkpoint may be there already.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { Signal } from "../base/Signal.ts"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import type { StorageError } from "../ports/Storage.ts"
import { type Checkpoint, checkpointKey, encode } from "./Checkpoint.ts"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import type { ConsumerMetrics } from "./metrics.ts"
import type { Outages } from "./Outages.ts"
import type { Progress } from "./Progress.ts"

interface Shared {
  readonly definition: Pick<Definition<never, never>, "checkpointEvents" | "checkpointInterval" | "name" | "version">
  readonly entries: ClaimedEntries
  readonly state: ConsumerState
  readonly source: EventSource
  readonly metrics: ConsumerMetrics
  readonly outages: Outages
}

export class CheckpointWriter {
  readonly #shared: Shared
  readonly #noted = new Signal()
  /** Changes since the last write. */
  #changes = 0
  readonly #oneWrite = Semaphore.makeUnsafe(1)
  /** Whether the outcome of a write is unknown, or another run writes now. */
  #isOver = false
  /** Position of the last write, or that of the checkpoint that the run began with. */
  #position: number

  constructor(shared: Shared) {
    this.#shared = shared
    this.#position = shared.state.progress.low
  }

  /** Notes that the consumer has moved. */
  note(): void {
    this.#changes++
    if (this.#changes === 1 || this.#changes === this.#shared.definition.checkpointEvents) this.#noted.wake()
  }

  /** Writes nothing more. */
  giveUp(): void {
    this.#isOver = true
  }

  /** Writes whenever it is due. There is a timer only while something has to be written. */
  readonly always: Effect.Effect<never, StorageError> = Effect.suspend(() => {
    const { checkpointEvents, checkpointInterval } = this.#shared.definition
    const first = this.#noted.until(() => this.#changes > 0)
    const due = Effect.raceFirst(
      Effect.sleep(checkpointInterval),
      this.#noted.until(() => this.#changes >= checkpointEvents)
    )
    return Effect.forever(
      Effect.andThen(
        Effect.andThen(first, due),
        this.#write(() => false)
      )
    )
  })

  /**
   * Writes now. Is not interrupted between its steps. A reset writes too: one write after the other, so that an older
   * checkpoint never replaces a newer one.
   */
  #write(mayNotWait: () => boolean): Effect.Effect<void, StorageError> {
    const { entries, state } = this.#shared
    return this.#written(
      () => state.progress,
      (text) => entries.set(checkpointKey, text),
      mayNotWait
    )
  }

  /** Writes where the consumer begins anew, whatever was kept before. Only then it continues there. */
  restart(progress: Progress): Effect.Effect<void, StorageError> {
    const { entries, state } = this.#shared
    const put = (text: string) => entries.inLib?.replace(text) ?? entries.set(checkpointKey, text)
    const begun = () => {
      state.progress = progress
    }
    const written = this.#written(
      () => progress,
      (text) => Effect.map(put(text), begun),
      () => state.isOver
    )
    // It may be in effect, and what is added to it would be wrong.
    return Effect.onError(written, () => Effect.sync(() => this.giveUp()))
  }

  /**
   * Runs an effect and writes the checkpoint in which these events are done, in one transaction. Then they are done. If it
   * fails with an error that `isRolledBack`, nothing has happened.
   */
  together<E>(
    transaction: NonNullable<ClaimedEntries["transaction"]>,
    positions: ReadonlyArray<number>,
    effect: Effect.Effect<unknown, E>,
    isRolledBack: (error: unknown) => boolean
  ): Effect.Effect<void, E | StorageError> {
    const { entries, metrics, state } = this.#shared
    const { progress } = state
    let noted = 0
    const set = Effect.suspend(() => {
      // Those that are noted from now on are not in this checkpoint.
      noted = this.#changes
      this.#changes = 0
      state.writingSince = state.now
      return entries.set(checkpointKey, encode(this.#checkpointOf(progress.after(positions))))
    })
    const failed = (cause: Cause.Cause<E | StorageError>) =>
      Effect.sync(() => {
        this.#changes += noted
        // The acknowledgement of its commit may be what was lost.
        if (!isRolledBack(Cause.squash(cause))) this.#isOver = true
      })
    const finished = Effect.suspend(() => {
      for (const position of positions) progress.finish(position)
      const before = this.#position
      this.#position = progress.low
      return metrics.written(state, before)
    })
    const running = Effect.ensuring(
      Effect.andThen(
        Effect.onError(
          Effect.suspend(() => transaction(Effect.andThen(effect, set))),
          failed
        ),
        finished
      ),
      Effect.sync(() => {
        state.writingSince = undefined
        state.changes.wake()
      })
    )
    return this.#oneWrite.withPermit(running)
  }

  /**
   * Writes. In an outage of the lib that keeps the checkpoint, it waits and writes again until it `mayNotWait`: there a repeat
   * only adds to what is stored. Only the waiting can be interrupted.
   */
  #written(
    progressOf: () => Progress,
    put: (text: string) => Effect.Effect<void, StorageError>,
    mayNotWait: () => boolean
  ): Effect.Effect<void, StorageError> {
    const { entries, outages } = this.#shared
    const written = (restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) => {
      const from = (waits: number): Effect.Effect<void, StorageError> =>
        Effect.suspend(() => {
          const { session } = outages
          return Effect.catch(this.#once(progressOf, put), (error) => {
            const isOutage = entries.inLib !== undefined && outages.isOne(session, error)
            if (!isOutage) this.#isOver = true
            if (!isOutage || mayNotWait()) return Effect.fail(error)
            return Effect.andThen(restore(outages.wait(error, waits, mayNotWait)), from(waits + 1))
          })
        })
      const died = (cause: Cause.Cause<StorageError>) =>
        Effect.sync(() => {
          if (Cause.hasDies(cause)) this.#isOver = true
        })
      return this.#oneWrite.withPermit(Effect.onError(from(0), died))
    }
    return Effect.uninterruptibleMask(written)
  }

  #once(
    progressOf: () => Progress,
    put: (text: string) => Effect.Effect<void, StorageError>
  ): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      if (this.#isOver) return Effect.void
      const { metrics, state } = this.#shared
      const noted = this.#changes
      this.#changes = 0
      const before = this.#position
      const progress = progressOf()
      const { low } = progress
      state.writingSince = state.now
      const failed = Effect.sync(() => {
        this.#changes += noted
      })
      const over = Effect.sync(() => {
        state.writingSince = undefined
      })
      const one = Effect.onError(put(encode(this.#checkpointOf(progress))), () => failed)
      return Effect.andThen(Effect.ensuring(one, over), () => {
        this.#position = low
        return metrics.written(state, before)
      })
    })
  }

  /** Writes what has not been written, without waiting for a lib that is stopped: its scope may be about to close. */
  readonly rest: Effect.Effect<void, StorageError> = Effect.suspend(() =>
    this.#changes > 0 ? this.#write(() => true) : Effect.void
  )

  #checkpointOf({ done, end, low }: Progress): Checkpoint {
    const { definition, source } = this.#shared
    const { name, version } = definition
    const { lib, lineage } = source.place(low)
    return { consumer: name, version, lib, lineage, low, done, end }
  }
}
