/** Heads: what a tape is at one moment, in a form that is kept elsewhere. */
import * as Result from "effect/Result"
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { shortened } from "../json/describeError.ts"
import * as TaraSON from "../json/TaraSON.ts"
import { Count, Hash, Head, parseHead, Uuid } from "./headForm.ts"

export { Head, isHead } from "./headForm.ts"

/** A text is not a head. Keep heads in the form that `encodeHead` returns. */
export class HeadInvalid extends TaggedError<HeadInvalid>("litetapes/HeadInvalid")("HeadInvalid", {
  why: Shape.String
}) {
  override get message() {
    return `this is not a head: ${this.why}. Keep heads in the form that encodeHead returns.`
  }
}

/**
 * The tape does not match a head: it is another tape, it lost records, or its records are not the same. Its files were
 * replaced, rewritten, or restored from an older copy. Restore them from a copy that matches the head.
 */
export class HeadMismatch extends TaggedError<HeadMismatch>("litetapes/HeadMismatch")("HeadMismatch", {
  /** Name of the tape. */
  tape: Shape.String,
  expected: Head,
  /** The tape as it is. `root` is that of its first `records` records, or null if it was not needed to tell. */
  found: Shape.Struct({ records: Count, root: Shape.NullOr(Hash), tape: Uuid })
}) {
  override get message() {
    const { expected, found } = this
    const name = JSON.stringify(this.tape)
    if (found.tape !== expected.tape) {
      return `tape ${name} has the id ${found.tape}, but the expected head is of tape ${expected.tape}. Open that tape, or take a new head.`
    }
    if (found.records < expected.records) {
      return `tape ${name} has ${found.records} records, but the expected head has ${expected.records}. Restore it from a copy that has them.`
    }
    return `the first ${expected.records} records of tape ${name} have the root ${found.root}, but the expected head has ${expected.root}: they were changed. Restore them from a copy.`
  }
}

/** Returns the canonical JSON text of a head, on one line, to be kept elsewhere. */
export const encodeHead = ({ records, root, tape }: Head): string => TaraSON.encodeValue({ records, root, tape })

/**
 * Returns the head in a text, whatever its spacing and the order of its keys.
 *
 * @throws HeadInvalid
 */
export const decodeHead = (text: string): Head => {
  let value: unknown
  try {
    value = TaraSON.parse(TaraSON.toBytes(text))
  } catch (error) {
    throw new HeadInvalid({ why: error instanceof Error ? error.message : "unreadable" })
  }
  const head = parseHead(value)
  if (Result.isFailure(head)) throw new HeadInvalid({ why: shortened(head.failure.message) })
  return head.success
}

/** Returns whether two heads are equal. */
export const sameHead = (a: Head, b: Head): boolean => a.tape === b.tape && a.records === b.records && a.root === b.root
