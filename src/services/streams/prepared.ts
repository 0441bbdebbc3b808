/** Facts that have to look something up before they evolve with events, such as keys. */
import type * as Effect from "effect/Effect"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { StorageError } from "../ports/Storage.ts"

type Evolve = (state: unknown, event: RecordedEvent) => unknown

/** Returns what evolves with these events. */
export type Prepare = (events: ReadonlyArray<RecordedEvent>) => Effect.Effect<Evolve, StorageError>

/** What to call before a decision model evolves with its events, by the `evolve` of the fact. */
export const prepared = new WeakMap<object, Prepare>()
