/** Encodes an event that has happened: one of a retired type too, which `Category.encode` refuses because no append may store it. */
import * as Effect from "effect/Effect"
import type { EventSchemaError } from "../../../domain/event/EventErrors.ts"
import type { StoredType } from "../../../services/Category.ts"
import type { NewEvent } from "../../../services/EventStore.ts"
import { encodePlain, type Encoding } from "../category/encodePlain.ts"

/** A category of any events. */
interface AnyCategory extends Encoding {
  readonly retired: object
  readonly storedTypes: () => ReadonlyArray<StoredType>
}

export const encodeGiven = (category: AnyCategory, event: unknown): Effect.Effect<NewEvent, EventSchemaError> => {
  const { data, id, metadata, tags, type } = event as NewEvent
  if (!Object.hasOwn(category.retired, type)) return encodePlain(category, event)
  // In its last version.
  const stored = category
    .storedTypes()
    .filter(({ name }) => name === type)
    .reduce((last, one) => (one.version > last.version ? one : last))
  return Effect.map(Effect.fromResult(stored.encode(data, metadata)), (encoded) => ({
    ...encoded,
    ...(id === undefined ? {} : { id }),
    ...(tags === undefined ? {} : { tags })
  }))
}
