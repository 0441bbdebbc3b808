/** An error that is an effect too, in programs with Effect. */
export interface YieldableError extends Error {}

/** Why an effect failed, in programs with Effect. */
export interface Cause<out E> {
  readonly reasons: ReadonlyArray<{ readonly _tag: "Fail"; readonly error: E } | { readonly _tag: "Die" | "Interrupt" }>
}
