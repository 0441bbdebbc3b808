/**
 * Data of an event whose stored form depends on where the event is stored: fields of it are encrypted for one event of one
 * stream. Its id is known only when the event is encoded.
 */
import type { SubjectForgotten } from "./ErasureErrors.ts"

/** What is compared of an encoded event. */
interface Encoded {
  readonly id: string
  readonly content: string
}

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

  /**
   * Returns the JSON value to store in the event with this id. Unless the id is named, the event is new, so it cannot be a repeat.
   *
   * @throws SubjectForgotten
   */
  abstract at(stream: string, id: string, isNamed: boolean): unknown

  /** Whether an event of the stream with the id of `event`, and this content, was made of the same type, data and tags. */
  abstract isStoredAs(content: string, event: Encoded, stream: string): boolean

  /** Whether data is the same as `plain`. What was erased in it counts as the same. */
  abstract isSame(data: unknown): boolean
}
