/** Opens what is kept for a consumer: claims its name, and decides where it begins. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CheckpointLost } from "../../domain/event/CheckpointErrors.ts"
import { NotInHistory } from "../../domain/event/EventErrors.ts"
import type { Place } from "../../domain/meta/LibHistory.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import {
  CheckpointStore,
  type CheckpointsNeedWriter,
  type ClaimedEntries,
  type ConsumerClaimed
} from "../ports/CheckpointStore.ts"
import { StorageError } from "../ports/Storage.ts"
import {
  type Checkpoint,
  checkpointKey,
  decodeCheckpoint,
  decodeParked,
  isParkedKey,
  type ParkedEvent
} from "./Checkpoint.ts"
import { NewerConsumer } from "./ConsumerErrors.ts"
import type { EndError, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import { Progress } from "./Progress.ts"

/** Why a consumer cannot begin. */
export type OpenConsumerError =
  | ConsumerClaimed
  | CheckpointsNeedWriter
  | CheckpointLost
  | InvalidArgument
  | NewerConsumer
  | NotInHistory
  | StorageError
  | EndError

export interface OpenedConsumer {
  readonly entries: ClaimedEntries
  readonly progress: Progress
  readonly parked: ReadonlyArray<ParkedEvent>
  /** Whether there is no checkpoint of this run yet. */
  readonly isNew: boolean
}

export const openConsumer = (
  definition: Definition<unknown, unknown>,
  source: EventSource
): Effect.Effect<OpenedConsumer, OpenConsumerError, CheckpointStore | Scope.Scope> =>
  Effect.gen(function* () {
    const store = yield* CheckpointStore
    const entries = yield* store.claim(definition.name, definition.onClaimed)
    // Refreshes a reader, whose view may be older than the checkpoint.
    yield* source.end
    const isLost = yield* checkInLib(definition, entries)
    const kept = yield* load(entries)
    if (kept === undefined || isLost || (yield* isDropped(definition, source, kept))) {
      const progress = yield* beginAt(source, definition.from)
      yield* dropAll(entries)
      return { entries, progress, parked: [], isNew: true }
    }
    return { entries, progress: new Progress(kept.low, kept.done), parked: yield* loadParked(entries), isNew: false }
  })

/** Refuses what a checkpoint in the lib cannot do. Returns whether a lost one is to be dropped. */
const checkInLib = (
  { name, onNotInHistory, onPoison, version }: Definition<unknown, unknown>,
  { inLib }: ClaimedEntries
): Effect.Effect<boolean, CheckpointLost | InvalidArgument> => {
  if (inLib === undefined) return Effect.succeed(false)
  if (onPoison === "park") {
    const why = `of ${name} must not be "park" with CheckpointStore.layerLib, which keeps no parked events: use "stop" or "skip", or another store`
    return Effect.fail(new InvalidArgument({ call: "Consumer.run", argument: "options.onPoison", why }))
  }
  return Effect.catch(Effect.as(inLib.refuseLost(version), false), (error) =>
    onNotInHistory === "begin-again" ? Effect.succeed(true) : Effect.fail(error)
  )
}

/** Returns the progress of a consumer that begins there. */
export const beginAt = (
  source: EventSource,
  from: Definition<never, never>["from"]
): Effect.Effect<Progress, NotInHistory | EndError> => {
  if (from === "start") return Effect.succeed(new Progress(0))
  return Effect.gen(function* () {
    const end = yield* source.end
    if (from === "end") return new Progress(end)
    const place = typeof from.after === "object" ? from.after : source.place(from.after)
    if (place.position >= end || !(yield* source.contains(place))) return yield* foreign(source, place)
    return new Progress(place.position + 1)
  })
}

/** Whether a checkpoint does not count: it is of an earlier version, or of another history and shall be dropped. */
const isDropped = (
  { name, onNotInHistory, version }: Definition<unknown, unknown>,
  source: EventSource,
  kept: Checkpoint
): Effect.Effect<boolean, NewerConsumer | NotInHistory> =>
  Effect.gen(function* () {
    if (kept.version > version) return yield* new NewerConsumer({ consumer: name, version, stored: kept.version })
    if (kept.version < version) return true
    const place = { lib: kept.lib, lineage: kept.lineage, position: kept.end - 1 }
    if (kept.end === 0 ? source.place(0).lib === kept.lib : yield* source.contains(place)) return false
    if (onNotInHistory === "begin-again") return true
    return yield* foreign(source, place)
  })

const foreign = ({ location, place }: EventSource, { lib, position }: Place): NotInHistory => {
  const own = place(position)
  const why =
    lib === own.lib
      ? "the lib was restored to an earlier state, or it ends before it"
      : `it was noted in lib ${lib}, and this is lib ${own.lib}`
  return new NotInHistory({ location, after: position, why })
}

const load = (entries: ClaimedEntries): Effect.Effect<Checkpoint | undefined, StorageError> =>
  Effect.gen(function* () {
    const text = yield* entries.get(checkpointKey)
    return text === undefined ? undefined : (decodeCheckpoint(text) ?? (yield* invalid(entries, checkpointKey)))
  })

const loadParked = (entries: ClaimedEntries): Effect.Effect<ReadonlyArray<ParkedEvent>, StorageError> =>
  Effect.gen(function* () {
    const parked: Array<ParkedEvent> = []
    for (const key of (yield* entries.keys).filter(isParkedKey)) {
      const text = yield* entries.get(key)
      if (text !== undefined) parked.push(decodeParked(text) ?? (yield* invalid(entries, key)))
    }
    return parked.toSorted((a, b) => a.position - b.position)
  })

/** Removes the checkpoint last: after a crash in between, the next run drops it again. */
const dropAll = (entries: ClaimedEntries): Effect.Effect<void, StorageError> =>
  Effect.gen(function* () {
    for (const key of (yield* entries.keys).filter(isParkedKey)) yield* entries.remove(key)
    yield* entries.remove(checkpointKey)
  })

const invalid = ({ place }: ClaimedEntries, key: string): StorageError => {
  const detail = `what is kept as ${key} is damaged; remove it to begin again, which handles events again`
  return new StorageError({ operation: "read", place, reason: "failed", detail })
}
