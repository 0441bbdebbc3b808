/** An `AssertionError` of Node, whose types a user of other runtimes may not have. */
export interface CheckFailed extends Error {
  /** What was found. */
  readonly actual: unknown
  /** What a check expects. */
  readonly expected: unknown
}
