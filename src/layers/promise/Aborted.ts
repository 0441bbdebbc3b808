/** The error of a call that was aborted through its `AbortSignal`. */

/**
 * A call was aborted through its `signal`. It has the `name` and `code` of Node's own abort errors, and the reason of the
 * signal as `cause`.
 */
export class Aborted extends Error {
  /** Tells it from other errors, as `_tag` of the typed errors does. */
  readonly _tag = "Aborted"
  /** As in Node's own abort errors. */
  override readonly name = "AbortError"
  /** As in Node's own abort errors. */
  readonly code = "ABORT_ERR"
  /**
   * `false`: the call has stored nothing. `true`: what it writes may be stored, whole or not at all. Repeat an append
   * with the same event ids to find out; an append without ids may then be stored twice.
   */
  readonly mayBeCommitted: boolean

  /** Makes the error for a signal that was aborted with this reason. */
  constructor(mayBeCommitted: boolean, reason: unknown) {
    super(
      mayBeCommitted
        ? "The call was aborted after it had begun to write, so what it writes may be stored, whole or not at all. Repeat an append with the same event ids; look before you repeat anything else."
        : "The call was aborted. It has stored nothing.",
      { cause: reason }
    )
    this.mayBeCommitted = mayBeCommitted
  }
}
