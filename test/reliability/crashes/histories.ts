/**
 * The histories that are explored, and how a history that shows a violation is shortened.
 */
import { makeRandom, seedOf } from "../random.ts"
import { type Kind, kinds, sequence } from "./acts.ts"
import { Explorer, type Found, type Plan, type Violation, ViolationFound, withWatchdog } from "./explore.ts"
import { run } from "./run.ts"
import { simulate } from "./session.ts"

/** Number of sequences of up to three kinds of acts. */
export const shortHistories = kinds.length + kinds.length ** 2 + kinds.length ** 3

/**
 * Returns the n-th history: first all of up to three acts, in an order that the seed decides, then longer ones without
 * end.
 */
export const history = (seed: number, n: number): ReadonlyArray<Kind> => {
  if (n < kinds.length) return sequence(n, 1)
  if (n < shortHistories) {
    // A permutation that spreads neighbours far apart: an exploration that stops early has seen a sample.
    const count = shortHistories - kinds.length
    const spread = ((n - kinds.length) * 2654435761 + seed) % count
    return spread < kinds.length ** 2 ? sequence(spread, 2) : sequence(spread - kinds.length ** 2, 3)
  }
  const random = makeRandom(seedOf(seed, n, 7))
  return Array.from({ length: 4 + random.below(9) }, () => random.pick(kinds))
}

/** Returns `history`; every eighth begins with the act `beside`, appends large enough for decision 0029. */
export const crashHistory = (seed: number, n: number): ReadonlyArray<Kind> => {
  const acts = history(seed, n)
  return n % 8 === 7 ? ["beside", ...acts.slice(1)] : acts
}

/**
 * Explores the n-th history of a seed. Every violation is thrown as `ViolationFound`. Images in `seen` are not opened
 * again; otherwise the result does not depend on `seen`, since equal images are checked in the same way.
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
    // Ids are the same in all histories, so that a beginning that they share is explored only once.
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

/** Shortens a history that shows a violation: drops acts while the rest shows one with one of three seeds. */
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
