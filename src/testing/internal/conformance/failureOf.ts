/** Turns the outcome of a check into its failure. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { ConformanceFailure } from "../../ConformanceFailure.ts"
import { Unmet } from "./expect.ts"

/** Fails with what was wrong in a check. An interruption remains one: it is nobody's fault. */
export const failureOf = (
  check: { readonly name: string; readonly promise: string },
  cause: Cause.Cause<unknown>
): Effect.Effect<never, ConformanceFailure> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
  const fail = (what: string, expected: string, actual: string) =>
    Effect.fail(new ConformanceFailure({ check: check.name, promise: check.promise, what, expected, actual }))
  const unmet = cause.reasons.find((reason) => Cause.isDieReason(reason) && reason.defect instanceof Unmet)
  if (unmet !== undefined && Cause.isDieReason(unmet)) {
    const { what, expected, actual } = unmet.defect as Unmet
    return fail(what, expected, actual)
  }
  const failed = cause.reasons.find(Cause.isFailReason)
  if (failed !== undefined) {
    const { error } = failed
    // If a history is part of a check, its failure names the operation.
    if (error instanceof ConformanceFailure) return fail(`${error.check}: ${error.what}`, error.expected, error.actual)
    return fail("an operation that should succeed", "success", error instanceof Error ? error.message : String(error))
  }
  return fail("an operation", "a result or a typed error", Cause.pretty(cause))
}
