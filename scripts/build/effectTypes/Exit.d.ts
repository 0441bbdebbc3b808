/** How an effect ended. */
export interface Exit<out A, out E = never> {
  readonly "~opaque": readonly ["Exit", A, E]
}
