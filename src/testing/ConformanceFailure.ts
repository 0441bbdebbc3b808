/** The failure of a check: a storage does not do what the port promises. */
import * as Shape from "../domain/base/Shape.ts"
import { TaggedError } from "../domain/base/TaggedError.ts"

/**
 * A storage broke a promise of the port. `what` is what was compared, `expected` and `actual` are what should have come
 * and what came, as text, and `promise` is the sentence of the port that does not hold.
 */
export class ConformanceFailure extends TaggedError<ConformanceFailure>("litetapes/ConformanceFailure")(
  "ConformanceFailure",
  {
    check: Shape.String,
    promise: Shape.String,
    what: Shape.String,
    expected: Shape.String,
    actual: Shape.String
  }
) {
  override get message() {
    return `${this.check}\n  ${this.what}\n  expected: ${this.expected}\n  actual:   ${this.actual}\n  promised: ${this.promise}`
  }
}
