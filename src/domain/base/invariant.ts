/**
 * Throws unless a condition holds that must hold for every input. A failure is a bug in this library, or in a program
 * that calls it wrongly. It is not an error that a caller can handle.
 */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition)
    throw new Error(`litetapes: invariant broken: ${what}. This is a bug: please report it with this stack.`)
}
