/** An error that is an effect too, in programs with Effect. */
export interface YieldableError extends Error {}
