/** Errors of calls that cannot be carried out as they are: an argument is wrong, or the clock is. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"

/**
 * A call was given something that it does not take: an option of another name, a value of another kind, a fraction for a
 * revision. Nothing was done. It is a mistake in the program, so do not retry.
 */
export class InvalidArgument extends TaggedError<InvalidArgument>("litetapes/InvalidArgument")("InvalidArgument", {
  /** The call, such as `EventStore.append`. */
  call: Shape.String,
  /** What is wrong in it, such as `options.expected`. */
  argument: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `${this.call}: ${this.argument} ${this.why}${this.why.endsWith("?") ? "" : "."} Nothing was done.`
  }
}

/**
 * The clock is outside the years 1970 to 9999, which are all that a lib stores. Nothing was written. Set the clock, and
 * repeat the call.
 */
export class ClockOutOfRange extends TaggedError<ClockOutOfRange>("litetapes/ClockOutOfRange")("ClockOutOfRange", {
  /** What the clock says, in milliseconds since 1970. */
  millis: Shape.Number
}) {
  override get message() {
    return `the clock is outside the years 1970 to 9999: ${this.millis} milliseconds since 1970. Nothing was written. Set the clock, and repeat the call.`
  }
}
