/** Converts the metadata of events by the schema that a category has for it. */
import * as Result from "effect/Result"
import type { NewEvent } from "../../domain/event/Event.ts"
import { EventSchemaError } from "../../domain/event/EventErrors.ts"
import type { EventCodec } from "./EventCodec.ts"

/**
 * Converts the metadata of an event whose data was converted, if there is a schema for it. Marks stay, whether the schema
 * knows them or not.
 */
export const convertMetadata = (
  category: string,
  event: Result.Result<unknown, EventSchemaError>,
  codec: EventCodec | undefined,
  way: "encode" | "decode"
): Result.Result<unknown, EventSchemaError> => {
  if (codec === undefined || Result.isFailure(event)) return event
  const { metadata = {}, type } = event.success as NewEvent
  const converted = codec[way](metadata)
  if (Result.isFailure(converted)) {
    return Result.fail(new EventSchemaError({ category, type, why: `its metadata: ${converted.failure.message}` }))
  }
  const { success } = converted
  const isObject = typeof success === "object" && success !== null
  return Result.succeed({
    ...(event.success as object),
    metadata: isObject ? { ...marksOf(metadata), ...success } : success
  })
}

const marksOf = (metadata: object): object => {
  const marks: Record<string, unknown> = {}
  for (const key of ["correlationId", "causationId"])
    if (Object.hasOwn(metadata, key)) marks[key] = (metadata as typeof marks)[key]
  return marks
}
