/** Encodes events as the application has them, without encryption: a test needs no keys. */
import * as Effect from "effect/Effect"
import type { EventSchemaError } from "../../../domain/event/EventErrors.ts"
import { PlacedData } from "../../../domain/event/PlacedData.ts"
import { makeMemory } from "../../../layers/keys/memory.ts"
import type { NewEvent } from "../../../services/EventStore.ts"
import { KeyStore } from "../../../services/ports/KeyStore.ts"
import type { StorageError } from "../../../services/ports/Storage.ts"

/** Encodes events of any category. */
export interface Encoding {
  readonly encode: (event: never) => Effect.Effect<NewEvent, EventSchemaError | StorageError>
}

/** Returns the encoded event. Fields that an append would encrypt have their values, which a category reads as well. */
export const encodePlain = (category: Encoding, event: unknown): Effect.Effect<NewEvent, EventSchemaError> =>
  category.encode(event as never).pipe(
    Effect.provideService(KeyStore, makeMemory()),
    Effect.map((encoded) => (PlacedData.is(encoded.data) ? { ...encoded, data: encoded.data.plain } : encoded)),
    // Not of a store in memory.
    Effect.catchTag("StorageError", (error) => Effect.die(error))
  )
