/** The failure of a check: a storage does not do what the port promises. */
import * as Schema from "effect/Schema"

/**
 * A storage broke a promise of the port. `what` is what was compared, `expected` and `actual` are what should have come
 * and what came, as text, and `promise` is the sentence of the port that does not hold.
 */
export class ConformanceFailure extends Schema.TaggedError<ConformanceFailure>("litetapes/ConformanceFailure")(
  "ConformanceFailure",
  {
    check: Schema.String,
    promise: Schema.String,
    what: Schema.String,
    expected: Schema.String,
    actual: Schema.String
  }
) {
  override get message() {
    return `${this.check}\n  ${this.what}\n  expected: ${this.expected}\n  actual:   ${this.actual}\n  promised: ${this.promise}`
  }
}
