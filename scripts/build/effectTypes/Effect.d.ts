/** A description of work. This package runs it; there is nothing else to do with it. */
export interface Effect<out A, out E = never, out R = never> {
  readonly "~opaque": readonly [A, E, R]
}

/** The errors of an effect. */
export type Error<T> = T extends Effect<unknown, infer E, unknown> ? E : never
