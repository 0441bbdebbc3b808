/** A schema of `effect`, whose values are encoded to and decoded from another form. Only programs with Effect make one. */
export interface Codec<out T, out E = T> {
  readonly Type: T
  readonly Encoded: E
}
