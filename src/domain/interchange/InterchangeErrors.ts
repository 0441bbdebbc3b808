/** Errors of importing and exporting events. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"

/**
 * A line of an import is not an event, or the lib cannot take it. Everything before it is imported and durable, nothing after it.
 * Correct the line, and run the same import again: what is there already is recognised by its ids. To continue after bad
 * lines, give the option `onBadLine`.
 */
export class InvalidLine extends TaggedError<InvalidLine>("litetapes/InvalidLine")("InvalidLine", {
  /** Number of the line, from 1. */
  line: Shape.Int,
  /** Offset of its first byte in the input. */
  byte: Shape.Int,
  why: Shape.String
}) {
  override get message() {
    const why = /[.?!]$/.test(this.why) ? this.why : `${this.why}.`
    return `line ${this.line}, at byte ${this.byte}, cannot be imported: ${why} The lines before it are done. Correct it and run the import again, or give the option onBadLine.`
  }
}

/**
 * A file that an export was to continue is not an export of this lib with these options. It was not changed. Choose another
 * path, or the options of the first export.
 */
export class NotAnExport extends TaggedError<NotAnExport>("litetapes/NotAnExport")("NotAnExport", {
  path: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `${this.path} is not an export of this lib that could be continued: ${this.why}. It was not changed: choose another path, or give the format, stream and filter that it was made with.`
  }
}
