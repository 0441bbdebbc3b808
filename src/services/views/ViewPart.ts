/** The folds of one category of a view. */
import * as Effect from "effect/Effect"
import type { EventSchemaError } from "../../domain/event/EventErrors.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { StorageError } from "../ports/Storage.ts"
import { handlersByType } from "../../domain/format/handlersByType.ts"

/** The folds of a category. */
export interface Part<State> {
  /** Name of the category. */
  readonly category: string
  /** Returns the state after an event of the category. */
  readonly fold: (state: State, event: RecordedEvent) => Effect.Effect<State, EventSchemaError | StorageError>
}

interface Decoding {
  readonly name: string
  readonly schemas: object
  readonly retired: object
  readonly decode: (event: RecordedEvent) => Effect.Effect<{ readonly type: string }, EventSchemaError | StorageError>
}

export const partOf = <State>(category: Decoding, folds: object): Part<State> => {
  const given = handlersByType<(state: State, event: object) => State>("View.make", category, folds)
  return {
    category: category.name,
    fold: (state, event) =>
      Effect.map(category.decode(event), (decoded) => {
        const fold = given.get(decoded.type)
        return fold === undefined ? state : fold(state, decoded)
      })
  }
}
