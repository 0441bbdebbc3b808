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
import type { Progress } from "./Progress.ts"

type Settings = Pick<Definition<never, never>, "checkpointEvents" | "checkpointInterval" | "name" | "version">

export class CheckpointWriter {
  readonly #settings: Settings
  readonly #entries: ClaimedEntries
  readonly #state: ConsumerState
  readonly #source: EventSource
  readonly #metrics: ConsumerMetrics
  readonly #noted = new Signal()
  /** Changes since the last write. */
  #changes = 0
  readonly #oneWrite = Semaphore.makeUnsafe(1)
  /** Whether the outcome of a write is unknown, or another run writes now. */
  #isOver = false
  /** Position of the last write, or that of the checkpoint that the run began with. */
  #position: number

  constructor(
    settings: Settings,
    entries: ClaimedEntries,
    state: ConsumerState,
    source: EventSource,
    metrics: ConsumerMetrics
  ) {
    this.#settings = settings
    this.#entries = entries
    this.#state = state
    this.#source = source
    this.#metrics = metrics
    this.#position = state.progress.low
  }

  /** Notes that the consumer has moved. */
  note(): void {
    this.#changes++
    if (this.#changes === 1 || this.#changes === this.#settings.checkpointEvents) this.#noted.wake()
  }

  /** Writes nothing more. */
  giveUp(): void {
    this.#isOver = true
  }

  /** Writes whenever it is due. There is a timer only while something has to be written. */
  readonly always: Effect.Effect<never, StorageError> = Effect.suspend(() => {
    const { checkpointEvents, checkpointInterval } = this.#settings
    const first = this.#noted.until(() => this.#changes > 0)
    const due = Effect.raceFirst(
      Effect.sleep(checkpointInterval),
      this.#noted.until(() => this.#changes >= checkpointEvents)
    )
    return Effect.forever(Effect.andThen(Effect.andThen(first, due), this.write))
  })

  /**
   * Writes now. Is not interrupted between its steps. A reset writes too: one write after the other, so that an older
   * checkpoint never replaces a newer one.
   */
  readonly write: Effect.Effect<void, StorageError> = Effect.suspend(() =>
    this.#written(
      () => this.#state.progress,
      (text) => this.#entries.set(checkpointKey, text)
    )
  )

  /** Writes where the consumer begins anew, whatever was kept before. Only then it continues there. */
  restart(progress: Progress): Effect.Effect<void, StorageError> {
    const { inLib } = this.#entries
    const put = (text: string) => inLib?.replace(text) ?? this.#entries.set(checkpointKey, text)
    const begun = () => {
      this.#state.progress = progress
    }
    return this.#written(
      () => progress,
      (text) => Effect.map(put(text), begun)
    )
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
    const state = this.#state
    const { progress } = state
    let noted = 0
    const set = Effect.suspend(() => {
      // Those that are noted from now on are not in this checkpoint.
      noted = this.#changes
      this.#changes = 0
      state.writingSince = state.now
      return this.#entries.set(checkpointKey, encode(this.#checkpointOf(progress.after(positions))))
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
      return this.#metrics.written(state, before)
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

  #written(
    progressOf: () => Progress,
    put: (text: string) => Effect.Effect<void, StorageError>
  ): Effect.Effect<void, StorageError> {
    const written = Effect.suspend(() => {
      if (this.#isOver) return Effect.void
      this.#changes = 0
      const state = this.#state
      const before = this.#position
      const progress = progressOf()
      const { low } = progress
      state.writingSince = state.now
      const failed = Effect.sync(() => {
        this.#isOver = true
      })
      const over = Effect.sync(() => {
        state.writingSince = undefined
      })
      const one = Effect.onError(put(encode(this.#checkpointOf(progress))), () => failed)
      return Effect.andThen(Effect.ensuring(one, over), () => {
        this.#position = low
        return this.#metrics.written(state, before)
      })
    })
    return Effect.uninterruptible(this.#oneWrite.withPermit(written))
  }

  /** Writes what has not been written. */
  readonly rest: Effect.Effect<void, StorageError> = Effect.suspend(() =>
    this.#changes > 0 ? this.write : Effect.void
  )

  #checkpointOf({ done, end, low }: Progress): Checkpoint {
    const { name, version } = this.#settings
    const { lib, lineage } = this.#source.place(low)
    return { consumer: name, version, lib, lineage, low, done, end }
  }
}
