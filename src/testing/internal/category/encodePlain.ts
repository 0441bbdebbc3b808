/** Encodes events as the application has them, without encryption: a test needs no keys. */
import * as Effect from "effect/Effect"
import type { EventSchemaError } from "../../../domain/event/EventErrors.ts"
import { PlacedData } from "../../../domain/event/PlacedData.ts"
import type { NewEvent } from "../../../services/EventStore.ts"
import { KeyStore, type SubjectKeys } from "../../../services/ports/KeyStore.ts"
import type { StorageError } from "../../../services/ports/Storage.ts"

/** Encodes events of any category. */
export interface Encoding {
  readonly encode: (event: never) => Effect.Effect<NewEvent, EventSchemaError | StorageError>
}

const keys: SubjectKeys = { keys: [{ version: 1, bytes: new Uint8Array(32) }], destroyed: 0 }

const keysOf: KeyStore["Service"]["find"] = (subjects) =>
  Effect.succeed(new Map(subjects.map((subject) => [subject, keys])))

/** Has one key for all subjects, which encrypts nothing here. */
const sameKey: KeyStore["Service"] = {
  find: keysOf,
  acquire: keysOf,
  rotate: () => Effect.void,
  forget: () => Effect.void,
  renew: () => Effect.void,
  forgotten: Effect.succeed([])
}

/** Returns the encoded event. Fields that an append would encrypt have their values, which a category reads as well. */
export const encodePlain = (category: Encoding, event: unknown): Effect.Effect<NewEvent, EventSchemaError> =>
  category.encode(event as never).pipe(
    Effect.provideService(KeyStore, sameKey),
    Effect.map((encoded) => (PlacedData.is(encoded.data) ? { ...encoded, data: encoded.data.plain } : encoded)),
    // Not of a store in memory.
    Effect.catchTag("StorageError", (error) => Effect.die(error))
  )
