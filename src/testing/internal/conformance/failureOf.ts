/** What came out of a check, as its failure. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { ConformanceFailure } from "../../ConformanceFailure.ts"
import { Unmet } from "./expect.ts"

/** Fails with what a check stumbled over. An interruption goes on as one: it is nobody's fault. */
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
    // A history that is part of a check says at which of its operations.
    if (error instanceof ConformanceFailure) return fail(`${error.check}: ${error.what}`, error.expected, error.actual)
    return fail(
      "an operation that has nothing in its way",
      "success",
      error instanceof Error ? error.message : String(error)
    )
  }
  return fail("an operation", "a result or a typed error", Cause.pretty(cause))
}
