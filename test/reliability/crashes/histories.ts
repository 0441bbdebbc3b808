/**
 * Which runs are explored, and how one that shows a violation is made short.
 */
import { makeRandom, seedOf } from "../random.ts"
import { type Kind, kinds, sequence } from "./acts.ts"
import { Explorer, type Found, type Plan, type Violation, ViolationFound, withWatchdog } from "./explore.ts"
import { run } from "./run.ts"
import { simulate } from "./session.ts"

/** How many sequences there are of up to three kinds of acts. */
export const shortHistories = kinds.length + kinds.length ** 2 + kinds.length ** 3

/** The n-th history: all of up to three acts in an order of their own, then longer ones for ever. */
export const history = (seed: number, n: number): ReadonlyArray<Kind> => {
  if (n < kinds.length) return sequence(n, 1)
  if (n < shortHistories) {
    // A row that meets every number once, far from its neighbours: whoever stops early has seen a sample.
    const count = shortHistories - kinds.length
    const spread = ((n - kinds.length) * 2654435761 + seed) % count
    return spread < kinds.length ** 2 ? sequence(spread, 2) : sequence(spread - kinds.length ** 2, 3)
  }
  const random = makeRandom(seedOf(seed, n, 7))
  return Array.from({ length: 4 + random.below(9) }, () => random.pick(kinds))
}

/** As `history`; every eighth begins with appends so large that those before are told of beside them (decision 0029). */
export const crashHistory = (seed: number, n: number): ReadonlyArray<Kind> => {
  const acts = history(seed, n)
  return n % 8 === 7 ? ["beside", ...acts.slice(1)] : acts
}

/**
 * Explores one history, the n-th of a seed. A violation is thrown as `ViolationFound`, whatever went wrong. What is found
 * does not depend on `seen`, but for images in it, which are not opened again: equal images are looked at alike.
 */
export const exploreHistory = async (
  acts: ReadonlyArray<Kind>,
  seed: number,
  n: number,
  plan: Plan,
  seen?: Set<number>
): Promise<Found> => {
  const random = makeRandom(seedOf(seed, n))
  const explorer = new Explorer(plan, random, seen, seed)
  try {
    // Ids are the same in all histories, so that what these have in common is explored once.
    const { points } = await withWatchdog(simulate(run(acts, random), makeRandom(1)))
    await explorer.explore(points)
  } catch (cause) {
    if (cause instanceof ViolationFound) throw cause
    const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new ViolationFound({ why: `without a crash: ${why}`, trace: [] })
  }
  return explorer.found
}

const violationOf = async (acts: ReadonlyArray<Kind>, seed: number, plan: Plan): Promise<Violation | undefined> => {
  try {
    await exploreHistory(acts, seed, 0, plan)
    return undefined
  } catch (cause) {
    return cause instanceof ViolationFound ? cause.violation : { why: String(cause), trace: [] }
  }
}

/** The same or another violation in a history with fewer acts, if there is one; each is tried with a few seeds. */
export const shorten = async (
  acts: ReadonlyArray<Kind>,
  violation: Violation,
  plan: Plan
): Promise<{ readonly acts: ReadonlyArray<Kind>; readonly violation: Violation }> => {
  for (let left = 0; left < acts.length; left++) {
    const fewer = acts.filter((_, index) => index !== left)
    for (let seed = 1; seed <= 3; seed++) {
      const found = await violationOf(fewer, seed, plan)
      if (found !== undefined) return shorten(fewer, found, plan)
    }
  }
  return { acts, violation }
}
