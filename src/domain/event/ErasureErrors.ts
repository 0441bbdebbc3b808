/** Why an append of personal data is refused. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"

/**
 * The keys of a subject were destroyed, so a field of an event cannot be encrypted for it. Nothing was appended. If the event
 * was stored before, it is a repeat instead. To store data of the subject again, call `renew` of the `KeyStore` first.
 */
export class SubjectForgotten extends TaggedError<SubjectForgotten>("litetapes/SubjectForgotten")("SubjectForgotten", {
  /** Whose keys were destroyed. */
  subject: Shape.String
}) {
  override get message() {
    return `subject ${JSON.stringify(this.subject)} was forgotten. To store data of it again, call renew of the KeyStore.`
  }
}
