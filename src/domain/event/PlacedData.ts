/**
 * Data of an event whose stored form depends on where the event is stored: fields of it are encrypted for one event of one
 * stream. Its id is known only when the event is encoded.
 */
import type { Json } from "../json/Json.ts"
import type { SubjectForgotten } from "./ErasureErrors.ts"

export abstract class PlacedData {
  readonly #isPlaced = true

  /** Returns whether this is such data. Unlike `instanceof`, it runs no code of the caller. */
  static is(value: unknown): value is PlacedData {
    return typeof value === "object" && value !== null && #isPlaced in value
  }

  /** The data before anything in it is encrypted. */
  abstract readonly plain: unknown

  /** Why it cannot be stored, unless the event is stored already; `undefined` if it can. */
  abstract readonly refusal: SubjectForgotten | undefined

  /** Returns the JSON value to store in the event with this id. */
  abstract at(stream: string, id: string): unknown

  /** Whether the event with this id, which has `stored` as its data, was made of the same data. */
  abstract isStoredAs(stored: Json, stream: string, id: string): boolean

  /** Whether data is the same as `plain`. What was erased in it counts as the same. */
  abstract isSame(data: unknown): boolean

  /** Never returns: as JSON the data would be stored without encryption. */
  toJSON(): never {
    throw new TypeError(
      "this event has fields that are encrypted when it is appended. Pass it to the event store as Category.encode returned it"
    )
  }
}
