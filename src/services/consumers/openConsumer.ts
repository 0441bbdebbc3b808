/** Opens what is kept for a consumer: claims its name, and decides where it begins. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { CheckpointLost } from "../../domain/event/CheckpointErrors.ts"
import { NotInHistory } from "../../domain/event/EventErrors.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { Place } from "../../domain/meta/LibHistory.ts"
import {
  CheckpointStore,
  type CheckpointsNeedWriter,
  type ClaimedEntries,
  type ConsumerClaimed
} from "../ports/CheckpointStore.ts"
import type { StorageError } from "../ports/Storage.ts"
import {
  type Checkpoint,
  checkpointKey,
  decodeCheckpoint,
  decodeParked,
  isParkedKey,
  type ParkedEvent
} from "./Checkpoint.ts"
import { CheckpointInvalid, NewerConsumer } from "./ConsumerErrors.ts"
import type { EndError, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import { Progress } from "./Progress.ts"

/** Why a consumer cannot begin. */
export type OpenConsumerError =
  | CheckpointInvalid
  | ConsumerClaimed
  | CheckpointsNeedWriter
  | CheckpointLost
  | NewerConsumer
  | NotInHistory
  | InvalidArgument
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
    if (definition.transactionEvents !== undefined && entries.transaction === undefined) return yield* noTransactions
    // Refreshes a reader, whose view may be older than the checkpoint.
    yield* source.end
    const isLost = yield* checkInLib(definition, entries)
    const kept = isLost ? undefined : yield* load(definition.name, entries)
    const continued = kept === undefined ? undefined : yield* continuing(definition, source, entries, kept)
    if (continued !== undefined) return { entries, ...continued, isNew: false }
    const progress = yield* beginAt(source, definition.from)
    yield* dropAll(entries)
    return { entries, progress, parked: [], isNew: true }
  })

const noTransactions = new InvalidArgument({
  call: "Consumer.run",
  argument: "options.transaction",
  why: "needs a CheckpointStore with transactions, such as CheckpointStore.layerSql"
})

/** Refuses what a checkpoint in the lib cannot do. Returns whether a lost one is to be dropped. */
const checkInLib = (
  { name, onNotInHistory, onPoison, version }: Definition<unknown, unknown>,
  { inLib }: ClaimedEntries
): Effect.Effect<boolean, CheckpointLost | InvalidArgument> => {
  if (inLib === undefined) return Effect.succeed(false)
  if (onPoison === "park" && inLib.keepsParked !== true) {
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

/**
 * Continues with a checkpoint. Returns `undefined` if it does not count: it is of an earlier version, or of another history
 * and shall be dropped.
 */
const continuing = (
  { name, onNotInHistory, version }: Definition<unknown, unknown>,
  source: EventSource,
  entries: ClaimedEntries,
  kept: Checkpoint
) =>
  Effect.gen(function* () {
    if (kept.version > version) return yield* new NewerConsumer({ consumer: name, version, stored: kept.version })
    if (kept.version < version) return undefined
    const last = { lib: kept.lib, lineage: kept.lineage, position: kept.end - 1 }
    const isOurs = kept.end === 0 ? source.place(0).lib === kept.lib : yield* source.contains(last)
    const parked = isOurs ? yield* loadParked(entries, kept) : []
    // A replay would read the event that has its position now.
    const leftOut = isOurs
      ? yield* Effect.findFirst(parked, (event) => Effect.map(source.contains(event), (is) => !is))
      : Option.some(last)
    if (Option.isNone(leftOut)) return { progress: new Progress(kept.low, kept.done), parked }
    return onNotInHistory === "begin-again" ? undefined : yield* foreign(source, leftOut.value)
  })

const foreign = ({ location, place }: EventSource, { lib, position }: Place): NotInHistory => {
  const own = place(position)
  const why =
    lib === own.lib
      ? "the lib was restored to an earlier state, or it ends before it"
      : `it was noted in lib ${lib}, and this is lib ${own.lib}`
  return new NotInHistory({ location, after: position, why })
}

const load = (
  consumer: string,
  entries: ClaimedEntries
): Effect.Effect<Checkpoint | undefined, CheckpointInvalid | StorageError> =>
  Effect.gen(function* () {
    const text = yield* entries.get(checkpointKey)
    if (text === undefined) return undefined
    const kept = decodeCheckpoint(text, consumer)
    return typeof kept === "string" ? yield* invalid(consumer, entries, checkpointKey, kept) : kept
  })

const loadParked = (
  entries: ClaimedEntries,
  { consumer, lib }: Checkpoint
): Effect.Effect<ReadonlyArray<ParkedEvent>, CheckpointInvalid | StorageError> =>
  Effect.gen(function* () {
    const parked: Array<ParkedEvent> = []
    for (const key of (yield* entries.keys).filter(isParkedKey)) {
      const text = yield* entries.get(key)
      if (text === undefined) continue
      const event = decodeParked(text, key, lib)
      if (typeof event === "string") return yield* invalid(consumer, entries, key, event)
      parked.push(event)
    }
    return parked.toSorted((a, b) => a.position - b.position)
  })

/** Removes the checkpoint last: after a crash in between, the next run drops it again. */
const dropAll = (entries: ClaimedEntries): Effect.Effect<void, StorageError> =>
  Effect.gen(function* () {
    for (const key of (yield* entries.keys).filter(isParkedKey)) yield* entries.remove(key)
    yield* entries.remove(checkpointKey)
  })

const invalid = (consumer: string, { place }: ClaimedEntries, key: string, why: string): CheckpointInvalid =>
  new CheckpointInvalid({ consumer, place, key, why })
