/** Gets the keys for the events of a category: to encrypt fields of those that are appended, and to decrypt those that are read. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { NewEvent, RecordedEvent } from "../../../domain/event/Event.ts"
import type { EventSchemaError } from "../../../domain/event/EventErrors.ts"
import { idBytesMax, isId } from "../../../domain/event/eventTexts.ts"
import { elementOf, shown } from "../../../domain/format/checkOptions.ts"
import { encodeValue } from "../../../domain/json/TaraSON.ts"
import { type Cipher, FieldCipher } from "../../ports/FieldCipher.ts"
import { KeyStore } from "../../ports/KeyStore.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { type Given, isObject } from "../copyEvent.ts"
import type { EventTypes, Open } from "../EventTypes.ts"
import { addSubjects, decryptData, type Keys } from "./decryptData.ts"
import { EncryptedData, type PlainField, type PlainFields } from "./EncryptedData.ts"
import { Undecryptable } from "./EncryptedField.ts"
import { isErased } from "./Erased.ts"
import type { FieldPlan, Found } from "./FieldPlan.ts"

const noKeyStore =
  "it has encrypted fields, and the program provides no KeyStore. Provide one, such as KeyStore.layerFolder"

/** An encoded event with fields to encrypt. */
interface Planned {
  readonly index: number
  readonly plan: FieldPlan
  readonly fields: PlainFields
}

/** Returns the error of the event with this index. */
type ErrorAt = (error: EventSchemaError, index: number) => EventSchemaError

/**
 * Returns encoded events whose fields are encrypted once their place is known. Makes a key for each subject without one. Costs
 * nothing if no field of the category is encrypted.
 */
export const encryptAll = (
  types: EventTypes,
  given: ReadonlyArray<Given>,
  encoded: ReadonlyArray<NewEvent>,
  errorAt: ErrorAt
): Effect.Effect<ReadonlyArray<NewEvent>, EventSchemaError | StorageError> => {
  if (!types.mayBeErasable) return Effect.succeed(encoded)
  return Effect.gen(function* () {
    const planned: Array<Planned> = []
    const subjects = new Set<string>()
    for (const [index, event] of encoded.entries()) {
      const found = plainFields(types, elementOf(given, index) as Given, event)
      if (found === undefined) continue
      if (typeof found === "string") return yield* errorAt(types.error(event.type, found), index)
      planned.push({ index, ...found })
      for (const { subject } of found.fields.values()) subjects.add(subject)
    }
    const [first] = planned
    if (first === undefined) return encoded
    const store = yield* Effect.serviceOption(KeyStore)
    if (Option.isNone(store)) {
      return yield* errorAt(types.error(encoded[first.index]!.type, noKeyStore), first.index)
    }
    const keys = yield* store.value.acquire([...subjects])
    const cipher = yield* FieldCipher
    const events = [...encoded]
    for (const { fields, index, plan } of planned) {
      const event = events[index]!
      events[index] = { ...event, data: new EncryptedData(plan, event.data, fields, keys, cipher) }
    }
    return events
  })
}

/** Returns the fields of an event to encrypt, why they cannot be, or `undefined` without any. */
const plainFields = (
  types: EventTypes,
  given: Given,
  event: NewEvent
): { readonly plan: FieldPlan; readonly fields: PlainFields } | string | undefined => {
  // The event store says what is wrong with what is not an object.
  const plan = isObject(event) ? types.presentPlan(event.type) : undefined
  if (plan === undefined) return undefined
  const fields = new Map<string, PlainField>()
  let why: string | undefined
  plan.map(event.data, (found) => {
    const field = plainField(given, found)
    if (typeof field === "string") why ??= `its field ${found.pointer} ${field}`
    else fields.set(found.pointer, field)
    return found.value
  })
  return why ?? (fields.size === 0 ? undefined : { plan, fields })
}

const plainField = (given: Given, { around, mark, value }: Found): PlainField | string => {
  if (isErased(value)) return "is Erased, which is only read: an event cannot be appended without the value"
  let subject: unknown
  try {
    subject =
      typeof mark.subject === "string"
        ? (around as { readonly [key: string]: unknown } | undefined)?.[mark.subject]
        : mark.subject(given as never)
  } catch (error) {
    return `has a function for its subject, which threw: ${error instanceof Error ? error.message : "unknown"}`
  }
  if (!isId(subject)) {
    const source = typeof mark.subject === "string" ? `field ${JSON.stringify(mark.subject)} next to it` : "function"
    return `is to be encrypted for the subject that the ${source} names: that must be a text of 1 to ${idBytesMax} bytes, not ${shown(subject)}`
  }
  try {
    return { subject, text: encodeValue(value) }
  } catch (error) {
    return `cannot be stored: ${error instanceof Error ? error.message : "unknown"}`
  }
}

/** Returns what decrypts these events. Costs a look-up of all their subjects, and nothing if they have no encrypted fields. */
export const openerOf = (types: EventTypes, events: ReadonlyArray<RecordedEvent>): Effect.Effect<Open, StorageError> =>
  Effect.suspend(() => {
    const subjects = new Set<string>()
    for (const event of events) {
      const plan = types.storedPlan(event)
      if (plan !== undefined) addSubjects(plan, event.data, subjects)
    }
    if (subjects.size === 0) return Effect.succeed(openerWith(new Map(), undefined))
    return Effect.gen(function* () {
      const store = yield* Effect.serviceOption(KeyStore)
      if (Option.isNone(store)) return withoutKeyStore
      return openerWith(yield* store.value.find([...subjects]), yield* FieldCipher)
    })
  })

const withoutKeyStore: Open = () => Result.fail({ message: noKeyStore })

/** Without a cipher: for events without encrypted fields. */
const openerWith =
  (keys: Keys, cipher: Cipher | undefined): Open =>
  (plan, event) => {
    try {
      return Result.succeed(cipher === undefined ? event.data : decryptData(plan, event.data, event, keys, cipher))
    } catch (error) {
      if (error instanceof Undecryptable) return Result.fail({ message: error.message })
      throw error
    }
  }
