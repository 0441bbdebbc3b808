/** A stream of values. This package iterates over it; there is nothing else to do with it. */
export interface Stream<out A, out E = never, out R = never> {
  readonly "~opaque": readonly ["Stream", A, E, R]
}
