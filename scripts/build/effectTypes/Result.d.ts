/** A success or a failure, in programs with Effect. */
export interface Result<out A, out E = never> {
  readonly "~opaque": readonly ["Result", A, E]
}
