/**
 * Turns: the commands for one stream are handled one after the other, since of several that decide at the same time only
 * one could append.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

interface Turn {
  readonly lock: Semaphore.Semaphore
  /** Commands that have the turn, or wait for it. */
  users: number
}

/** Whether a command is being handled by this fibre: a command within its decision takes no turn, so that none waits for itself. */
export const IsHandling = Context.Reference<boolean>("litetapes/Decider/IsHandling", { defaultValue: () => false })

export class StreamTurns {
  readonly #turns = new Map<string, Turn>()

  /** Runs an effect once it is the turn of its caller in all of the streams. */
  inTurn<A, E, R>(streams: ReadonlyArray<string>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    // All in the same order: two calls never wait for each other.
    return streams.length === 1
      ? this.#inTurn(streams[0]!, effect)
      : streams.toSorted().reduceRight((inner, stream) => this.#inTurn(stream, inner), effect)
  }

  #inTurn<A, E, R>(stream: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      let turn = this.#turns.get(stream)
      if (turn === undefined) {
        turn = { lock: Semaphore.makeUnsafe(1), users: 0 }
        this.#turns.set(stream, turn)
      }
      const mine = turn
      mine.users++
      const leave = Effect.sync(() => {
        mine.users--
        if (mine.users === 0) this.#turns.delete(stream)
      })
      return Effect.ensuring(mine.lock.withPermit(effect), leave)
    })
  }
}
