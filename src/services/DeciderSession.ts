/** What the deciders of one session of a lib share. A lib that is opened again has another one. */
import { shown } from "../domain/format/checkOptions.ts"
import { InvalidArgument } from "../domain/format/Errors.ts"
import { AggregateStates, type AnyDecider } from "./AggregateStates.ts"
import type { Internals } from "./internals.ts"
import { StreamTurns } from "./deciders/StreamTurns.ts"

export class DeciderSession {
  readonly turns = new StreamTurns()
  readonly #session: Internals
  readonly #states = new WeakMap<AnyDecider, AggregateStates>()
  /** The deciders that have snapshots, by what their snapshots are of. */
  readonly #owners = new Map<string, AnyDecider>()

  constructor(session: Internals) {
    this.#session = session
  }

  statesOf(decider: AnyDecider): AggregateStates {
    const known = this.#states.get(decider)
    if (known !== undefined) return known
    const made = new AggregateStates(this.#session, decider)
    this.#states.set(decider, made)
    return made
  }

  /** Returns the error for a decider that would use the snapshots of another one as its own. */
  whyTwice(call: string, decider: AnyDecider): InvalidArgument | undefined {
    const { category, name, options } = decider
    if (options.snapshot === undefined || this.#states.has(decider)) return undefined
    const key = JSON.stringify([category.name, name, options.version ?? 1])
    const owner = this.#owners.get(key)
    if (owner !== undefined && owner !== decider) {
      const why = `is named ${shown(name)}, as another decider of category ${shown(category.name)}, so each would use the snapshots of the other: name them differently. If it is the same one, make it only once`
      return new InvalidArgument({ call, argument: "decider", why })
    }
    this.#owners.set(key, decider)
    return undefined
  }
}

const sessions = new WeakMap<Internals, DeciderSession>()

/** Returns what the deciders of a session share. */
export const deciderSession = (session: Internals): DeciderSession => {
  const known = sessions.get(session)
  if (known !== undefined) return known
  const made = new DeciderSession(session)
  sessions.set(session, made)
  return made
}
