/** Decrypts the fields in the data of stored events. */
import type { Cipher } from "../../ports/FieldCipher.ts"
import type { SubjectKeys } from "../../ports/KeyStore.ts"
import { decryptField, isEncrypted } from "./EncryptedField.ts"
import type { FieldPlan } from "./FieldPlan.ts"

/** What is known of subjects, by their ids. */
export type Keys = ReadonlyMap<string, SubjectKeys>

/**
 * Returns a copy of stored data in which encrypted fields have their values, or are `Erased`. A value that is not encrypted was
 * stored before its field was marked, and stays as it is.
 *
 * @throws Undecryptable
 */
export const decryptData = (
  plan: FieldPlan,
  stored: unknown,
  { id, stream }: { readonly stream: string; readonly id: string },
  keys: Keys,
  cipher: Cipher
): unknown =>
  plan.map(stored, ({ pointer, value }) =>
    isEncrypted(value) ? decryptField(cipher, keys.get(value.subject), value, { stream, id, pointer }) : value
  )

/** Adds the subjects whose keys are needed to decrypt stored data. */
export const addSubjects = (plan: FieldPlan, stored: unknown, subjects: Set<string>): void => {
  plan.map(stored, ({ value }) => {
    if (isEncrypted(value)) subjects.add(value.subject)
    return value
  })
}
