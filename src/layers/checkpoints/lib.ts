/**
 * Checkpoints in the lib itself: committed as batches without events, or together with the events that a handler appends.
 * Only in the writer's process, whose lock makes the name of a consumer unique.
 */
import * as Effect from "effect/Effect"
import { isRetryable } from "../../domain/event/EventErrors.ts"
import { isDone, rangesMax } from "../../domain/meta/CheckpointRanges.ts"
import { checkpointKey, decodeCheckpoint, encode } from "../../services/consumers/Checkpoint.ts"
import type { EventAppendError, EventStore } from "../../services/EventStore.ts"
import { accessOf } from "../../services/internals.ts"
import { withSession } from "../../services/lib/Access.ts"
import { checkpointOf, isUnknown, lost } from "../../services/lib/checkpoints.ts"
import {
  type CheckpointStore,
  type ClaimedEntries,
  CheckpointsNeedWriter
} from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { storageError } from "../storage/storageErrors.ts"
import { Claims } from "./claims.ts"

// One for each lib, so that two stores over one lib keep each other's runs out.
const claims = new WeakMap<object, Claims>()

const claimsOf = (lib: object): Claims => {
  const known = claims.get(lib)
  if (known !== undefined) return known
  const made = new Claims()
  claims.set(lib, made)
  return made
}

export const makeLib = (store: EventStore["Service"]): CheckpointStore["Service"] => ({
  claim: (consumer, onClaimed) =>
    Effect.gen(function* () {
      const { lib } = store
      if (lib.mode === "read") return yield* new CheckpointsNeedWriter({ consumer, location: lib.location })
      yield* claimsOf(lib).claim(consumer, lib.location, onClaimed)
      return entriesOf(store, consumer)
    })
})

/** Appends again if that has failed and the lib reopens itself. Of an append that must not mind to be there twice. */
export const repeating = <A>(
  { lib }: EventStore["Service"],
  append: Effect.Effect<A, EventAppendError>
): Effect.Effect<A, EventAppendError> =>
  Effect.retry(append, { times: 3, while: (error: unknown) => accessOf(lib).reopensItself && isRetryable(error) })

/** Writes what a consumer keeps in its lib. It must not mind to be there twice. */
export const writing = <A>(
  store: EventStore["Service"],
  append: Effect.Effect<A, EventAppendError>
): Effect.Effect<A, StorageError> =>
  Effect.mapError(repeating(store, append), ({ message }) =>
    storageError("write", store.lib.location, "failed", message)
  )

const entriesOf = (store: EventStore["Service"], consumer: string): ClaimedEntries => {
  const { lib } = store
  const access = accessOf(lib)
  const now = withSession(access, ({ handle }) => Effect.sync(() => checkpointOf(handle, consumer)))
  const commit = (text: string, reset: boolean): Effect.Effect<void, StorageError> => {
    // Of a shared lib another process may be the writer by now, and run the consumer.
    if (lib.mode === "read") return Effect.fail(noLongerWriter)
    const checkpoint = decodeCheckpoint(text, consumer)
    if (typeof checkpoint === "string") return Effect.fail(storageError("write", lib.location, "failed", checkpoint))
    // With the lib and the lineage that the consumer follows: this store may be over another lib.
    const { done, lib: followed, lineage, low, version } = checkpoint
    const given = { consumer, version, lib: followed, lineage, low, done, reset }
    return store.appendAll([], { checkpoint: given }).pipe(
      Effect.catchTag("CheckpointNotIncreased", () => Effect.void),
      Effect.mapError((error) =>
        error._tag === "StorageError" ? error : storageError("write", lib.location, "failed", error.message)
      ),
      Effect.asVoid
    )
  }
  const noLongerWriter = storageError("write", lib.location, "read-only", "this process is no longer the writer")
  const onlyCheckpoint = Effect.fail(
    storageError("write", lib.location, "failed", "a lib keeps the checkpoint of a consumer alone")
  )
  return {
    place: lib.location,
    get: (key) =>
      Effect.map(now, (checkpoint) => {
        if (key !== checkpointKey || checkpoint.version === 0) return undefined
        const { above: done, low, version } = checkpoint
        const end = done.at(-1)?.[1] ?? low
        return encode({ consumer, version, lib: lib.id, lineage: lib.lineage, low, done, end })
      }),
    set: (key, text) => (key === checkpointKey ? commit(text, false) : onlyCheckpoint),
    // A checkpoint is only ever replaced: without it, nobody would know what was done.
    remove: () => Effect.void,
    keys: Effect.map(now, ({ version }) => (version === 0 ? [] : [checkpointKey])),
    inLib: {
      inFlightMax: rangesMax(lib.limits),
      replace: (text) => commit(text, true),
      isDone: (position) => Effect.map(now, (checkpoint) => isDone(checkpoint, position)),
      refuseLost: (version) =>
        withSession(access, ({ handle }) => {
          const checkpoint = checkpointOf(handle, consumer)
          return isUnknown(checkpoint, version) ? Effect.fail(lost(handle, consumer, checkpoint)) : Effect.void
        })
    }
  }
}
