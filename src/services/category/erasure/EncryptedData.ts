/** The data of an event that has encrypted fields, from the time when its keys are known until it is stored. */
import { SubjectForgotten } from "../../../domain/event/EventErrors.ts"
import { PlacedData } from "../../../domain/event/PlacedData.ts"
import type { Json } from "../../../domain/json/Json.ts"
import { encodeValue } from "../../../domain/json/TaraSON.ts"
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

  at(stream: string, id: string): unknown {
    return this.#plan.map(this.plain, ({ pointer }) => {
      const { subject, text } = this.#fields.get(pointer)!
      const key = this.#keyOf(subject)
      // Only compared with what is stored, since `refusal` says that it cannot be stored.
      if (key === undefined) return erased(subject)
      return encryptField(this.#cipher, key, subject, { stream, id, pointer }, text)
    })
  }

  /** What can still be decrypted is compared, whatever key it was encrypted with. */
  isStoredAs(stored: Json, stream: string, id: string): boolean {
    try {
      return this.isSame(decryptData(this.#plan, stored, { stream, id }, this.#keys, this.#cipher))
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

  #keyOf(subject: string) {
    return this.#keys.get(subject)?.keys.at(-1)
  }
}

const isSameField = (value: unknown, { subject, text }: PlainField): boolean =>
  isErased(value) ? value.subject === subject : encodeValue(value) === text
