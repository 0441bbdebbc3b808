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

/** A decision that runs, or has run, and the one within which it began. */
interface Deciding {
  readonly outer: Deciding | undefined
  isOver: boolean
}

/** The decision within which this fibre was started. */
const CurrentDecision = Context.Reference<Deciding | undefined>("litetapes/Decider/CurrentDecision", {
  defaultValue: () => undefined
})

const runs = (decision: Deciding | undefined): boolean =>
  decision !== undefined && (!decision.isOver || runs(decision.outer))

/**
 * Whether this fibre belongs to a decision that runs: a command within a decision takes no turn, so that none waits for itself. A
 * fibre that a decision has started, and which outlives it, takes turns.
 */
export const isDeciding: Effect.Effect<boolean> = Effect.map(CurrentDecision, runs)

/** Runs the effect of a decision. */
export const deciding = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const current = fiber.getRef(CurrentDecision)
    const decision: Deciding = { outer: runs(current) ? current : undefined, isOver: false }
    const end = Effect.sync(() => void (decision.isOver = true))
    return Effect.ensuring(Effect.provideService(effect, CurrentDecision, decision), end)
  })

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
