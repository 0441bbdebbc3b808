/** The error of a store that shares its lib. In a file of its own: a program that does not share one never loads it. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"

/**
 * No process that writes the lib could be reached in time, and this one could not become its writer. Nothing of the append
 * was sent, so nothing was appended. It comes from a `SharedStore` only.
 */
export class WriterUnreachable extends TaggedError<WriterUnreachable>("litetapes/WriterUnreachable")(
  "WriterUnreachable",
  {
    location: Shape.String,
    /** Why the last attempt failed. */
    why: Shape.String
  }
) {
  override get message() {
    return `the writer of ${this.location} could not be reached in time: ${this.why.replace(/\.$/, "")}. Nothing was appended. Repeat the call.`
  }
}
