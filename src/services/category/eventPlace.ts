/** Names the event in an error of its schema. */
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { EventSchemaError } from "../../domain/event/EventErrors.ts"

/** What names an event in an error. */
type Place = Partial<
  Pick<EventSchemaError, "stream" | "index" | "revision" | "position" | "id" | "storedVersion" | "presentVersion">
>

export const placeOf = ({ id, position, revision, stream }: RecordedEvent): Place => ({
  stream,
  revision,
  position,
  id
})

export const atPlace = ({ category, type, why }: EventSchemaError, place: Place): EventSchemaError =>
  new EventSchemaError({ category, type, why, ...place })
