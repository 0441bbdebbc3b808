/** The failure of a check of fixtures: a stored event is no longer read, or a version has no fixture. */
import * as Shape from "../domain/base/Shape.ts"
import { TaggedError } from "../domain/base/TaggedError.ts"

/** Events of a category that cannot be decoded, and versions of its types without an event. Each has a line of the message. */
export class FixturesFailure extends TaggedError<FixturesFailure>("litetapes/FixturesFailure")("FixturesFailure", {
  category: Shape.String,
  /** Lines that are not events, or that the category cannot decode, with their places and reasons. */
  unreadable: Shape.Array(Shape.String),
  /** Names and versions in which events may be stored, and of which there is no event. */
  missing: Shape.Array(Shape.Struct({ name: Shape.String, version: Shape.Int }))
}) {
  override get message() {
    const missing = this.missing.map(
      ({ name, version }) =>
        `there is no event of ${name}, version ${version}: add one from a lib, or let Fixtures.extend generate one`
    )
    const lines = [...this.unreadable, ...missing].map((line) => `\n  ${line}`)
    return `the fixtures of category ${JSON.stringify(this.category)} are not all read:${lines.join("")}`
  }
}
