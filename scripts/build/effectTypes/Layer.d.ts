/** A way to make services, such as `MemoryStorage.layer`. Pass it as an option. */
export interface Layer<in ROut, out E = never, out RIn = never> {
  readonly "~out": (_: ROut) => void
  readonly "~opaque": readonly [E, RIn]
}

/** The errors of a layer. */
export type Error<T> = T extends Layer<never, infer E, unknown> ? E : never
