/**
 * Times in which the lib cannot be used although nobody has done anything wrong: its writer has stopped, or its disk does not
 * read. While the lib opens itself again, a consumer waits for it, and what failed meanwhile does not count.
 */
import * as Effect from "effect/Effect"
import type { WriteError } from "../lib/WriterGuard.ts"
import { StorageError } from "../ports/Storage.ts"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"

const pauseMillisMax = 30_000

export class Outages {
  readonly #name: string
  readonly #state: ConsumerState
  readonly #source: EventSource

  constructor(name: string, state: ConsumerState, source: EventSource) {
    this.#name = name
    this.#state = state
    this.#source = source
  }

  /** Names the present session of the lib. Ask before whatever may fail. */
  get session(): object {
    return this.#source.writer.session()
  }

  /** Whether something that began in `session` failed because of an outage that will end by itself. */
  isOne(session: object, error: unknown): boolean {
    const { writer } = this.#source
    if (writer.session() !== session) return true
    return writer.reopens() && (writer.refusal() !== undefined || this.#isOfDisk(error))
  }

  /** Why the writer has stopped, if nobody opens the lib again. */
  get end(): WriteError | undefined {
    const { writer } = this.#source
    return writer.reopens() ? undefined : writer.refusal()
  }

  /**
   * Waits until it is worth trying again, or `isOver` holds. If the writer has not stopped, that is after a pause of 100 ms,
   * which doubles with each of the `earlier` ones, up to 30 seconds.
   */
  wait(error: unknown, earlier: number, isOver: () => boolean): Effect.Effect<void> {
    const { changes, waitingFor } = this.#state
    const { writer } = this.#source
    return Effect.suspend(() => {
      const wait = { error }
      waitingFor.add(wait)
      const hasStopped = writer.refusal() !== undefined
      const isDisk = !hasStopped && this.#isOfDisk(error)
      const pause = isDisk ? Effect.sleep(Math.min(100 * 2 ** earlier, pauseMillisMax)) : writer.untilWritable
      const log =
        isDisk && earlier === 0
          ? Effect.logWarning(
              `litetapes: a consumer waits for the disk of its lib, and then tries again. ${this.#name}: ${String(error)}`
            )
          : Effect.void
      return Effect.andThen(log, Effect.raceFirst(pause, changes.until(isOver))).pipe(
        Effect.ensuring(Effect.sync(() => waitingFor.delete(wait)))
      )
    })
  }

  #isOfDisk(error: unknown): boolean {
    return error instanceof StorageError && error.reason === "failed" && error.place.startsWith(this.#source.location)
  }
}
