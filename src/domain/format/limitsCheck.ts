import { aNumber, type Check, type Checks, nested } from "./checkOptions.ts"
import type { Limits } from "./Limits.ts"

/** Checks the names of given limits. `checkLimits` checks their values, once they are those of a new lib. */
export const limitsCheck: Check = nested({
  recordBytesMax: aNumber,
  depthMax: aNumber,
  batchBytesMax: aNumber,
  metaBytesMax: aNumber
} satisfies Checks<Limits>)
