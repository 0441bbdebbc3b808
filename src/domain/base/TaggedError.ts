/** Errors that are effects too: `yield* new LibLocked({ location })` fails with it. */
import * as Data from "effect/Data"
import { PlainError, plainError } from "./PlainError.ts"

// All errors have one ancestor, so this also makes those yieldable that were defined without it.
Object.setPrototypeOf(PlainError.prototype, Data.Error.prototype)

/**
 * Returns a class of errors with a tag and typed fields, for `extends`:
 * `class LibLocked extends TaggedError<LibLocked>("litetapes/LibLocked")("LibLocked", { location: Shape.String }) {}`.
 */
export const TaggedError = plainError
