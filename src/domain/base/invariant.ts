/** What must hold, whatever the input: a failure is a defect of this library, not an error that a caller can meet. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`litetapes: invariant broken: ${what}`)
}
