/** The data of an event that has encrypted fields, from the time when its keys are known until it is stored. */
import { type EncodedEvent, isSameContent } from "../../../domain/event/Event.ts"
import { SubjectForgotten } from "../../../domain/event/EventErrors.ts"
import { PlacedData } from "../../../domain/event/PlacedData.ts"
import { encodeValue, parseTrusted } from "../../../domain/json/TaraSON.ts"
import type { Cipher } from "../../ports/FieldCipher.ts"
import { decryptData, type Keys } from "./decryptData.ts"
import { encryptField, Undecryptable } from "./EncryptedField.ts"
import { erased, isErased } from "./Erased.ts"
import type { FieldPlan } from "./FieldPlan.ts"

/** A field to encrypt: whose it is, and its value as canonical JSON text. */
export interface PlainField {
  readonly subject: string
  readonly text: string
}

/** The fields of an event to encrypt, by their pointers. */
export type PlainFields = ReadonlyMap<string, PlainField>

export class EncryptedData extends PlacedData {
  readonly plain: unknown
  readonly refusal: SubjectForgotten | undefined
  readonly #plan: FieldPlan
  readonly #fields: PlainFields
  readonly #keys: Keys
  readonly #cipher: Cipher

  /** `keys` has those of all subjects of the fields. */
  constructor(plan: FieldPlan, plain: unknown, fields: PlainFields, keys: Keys, cipher: Cipher) {
    super()
    this.plain = plain
    this.#plan = plan
    this.#fields = fields
    this.#keys = keys
    this.#cipher = cipher
    const forgotten = [...fields.values()].find(({ subject }) => this.#keyOf(subject) === undefined)
    this.refusal = forgotten === undefined ? undefined : new SubjectForgotten({ subject: forgotten.subject })
  }

  at(stream: string, id: string, isNamed: boolean): unknown {
    if (this.refusal !== undefined && !isNamed) throw this.refusal
    return this.#plan.map(this.plain, ({ pointer }) => {
      const { subject, text } = this.#fields.get(pointer)!
      const key = this.#keyOf(subject)
      // Only compared with what is stored, since `refusal` says that it cannot be stored.
      if (key === undefined) return erased(subject)
      return encryptField(this.#cipher, key, subject, { stream, id, pointer }, text)
    })
  }

  /** What can still be decrypted is compared, whatever key it was encrypted with. */
  isStoredAs(content: string, event: Pick<EncodedEvent, "content" | "id">, stream: string): boolean {
    // Canonical JSON has no raw newline.
    const [type = "", stored = "", tags = ""] = content.split("\n")
    const [ownType = "", , ownTags = ""] = event.content.split("\n")
    if (!isSameContent(`${type}\n\n${tags}`, `${ownType}\n\n${ownTags}`)) return false
    try {
      const place = { stream, id: event.id }
      return this.isSame(decryptData(this.#plan, parseTrusted(stored), place, this.#keys, this.#cipher))
    } catch (error) {
      if (error instanceof Undecryptable) return false
      throw error
    }
  }

  isSame(data: unknown): boolean {
    let areSame = true
    const rest = this.#plan.map(data, ({ pointer, value }) => {
      const field = this.#fields.get(pointer)
      areSame &&= field !== undefined && isSameField(value, field)
      return null
    })
    // Compared without the fields.
    return areSame && encodeValue(rest) === encodeValue(this.#plan.map(this.plain, () => null))
  }

  /** Never returns: as JSON the data would be stored without encryption. */
  toJSON(): never {
    throw new TypeError(
      "this event has fields that are encrypted when it is appended. Pass it to the event store as Category.encode returned it"
    )
  }

  #keyOf(subject: string) {
    return this.#keys.get(subject)?.keys.at(-1)
  }
}

const isSameField = (value: unknown, { subject, text }: PlainField): boolean =>
  isErased(value) ? value.subject === subject : encodeValue(value) === text
