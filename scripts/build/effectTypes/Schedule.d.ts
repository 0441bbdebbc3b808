/** When to try again. */
export interface Schedule<out Output, in Input = unknown, out Error = never, out Env = never> {
  readonly "~in": (_: Input) => void
  readonly "~opaque": readonly [Output, Error, Env]
}
