/** The event store of a process that shares its lib: appends directly while it is the writer, else through the writer. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { makeUuidV7 } from "../../domain/base/Uuid.ts"
import { BatchTooLarge, type ReaderBusy } from "../../domain/format/Errors.ts"
import { thrown } from "../../services/base/attempt.ts"
import { lazy } from "../../services/base/lazy.ts"
import { inSpan } from "../../services/base/spans.ts"
import * as EventContext from "../../services/EventContext.ts"
import { EventStore } from "../../services/EventStore.ts"
import { advanceReader } from "../../services/lib/advanceReader.ts"
import type { LibHandle } from "../../services/lib/LibHandle.ts"
import type { OpenError } from "../../services/lib/OpenError.ts"
import { StorageError } from "../../services/ports/Storage.ts"
import { noteResult, streamOf } from "../../services/storeCalls.ts"
import { ofAll, oneAppend } from "../../services/streams/AppendOptions.ts"
import type { AppendResult, PlannedCall } from "../../services/streams/AppendRequest.ts"
import { CallEncoder } from "../../services/streams/CallEncoder.ts"
import type { EventAppendError } from "../../services/streams/EventAppender.ts"
import { StreamStates } from "../../services/streams/StreamStates.ts"
import { storageError } from "../storage/storageErrors.ts"
import { frameBytesMax } from "./limits.ts"
import { requestOf } from "./requestForms.ts"
import type { Roles } from "./Roles.ts"

type Store = EventStore["Service"]

/** The role that a process has now. */
type Role = Pick<Roles, "attempt" | "current" | "requests">

/** What a call becomes before it is sent. */
interface Plan {
  readonly planned: PlannedCall
  readonly commandId: string | undefined
}

type Planning = (encoder: CallEncoder, context: EventContext.Values | undefined) => Plan

/** Returns what encodes the calls for a lib. A reader makes no ids itself. */
const encoders = (random: (bytes: number) => Uint8Array): ((handle: LibHandle) => CallEncoder) => {
  const uuid = makeUuidV7(random)
  const made = new WeakMap<LibHandle, CallEncoder>()
  return (handle) => {
    const known = made.get(handle)
    if (known !== undefined) return known
    const encoder = new CallEncoder({ meta: handle.meta, uuid }, new StreamStates())
    made.set(handle, encoder)
    return encoder
  }
}

/** Returns what appends through the writer: to `stream`, or to several streams without it. */
const forwardingTo = (roles: Role, random: (bytes: number) => Uint8Array) => {
  const encoderOf = encoders(random)
  const forwardNow = (isOne: boolean, plan: Planning): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> =>
    Effect.withFiber((fiber) => {
      const { handle } = roles.current
      let made: Plan
      try {
        const encoder = encoderOf(handle)
        encoder.setTime(fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())
        made = plan(encoder, fiber.getRef(EventContext.EventContext))
      } catch (error) {
        return thrown<EventAppendError>(error)
      }
      return send(roles, handle, isOne, made)
    })
  return (stream: string | undefined, plan: Planning): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> =>
    inSpan(
      () => ({ operation: "append", location: roles.current.handle.location, attributes: streamOf(stream) }),
      (span) =>
        Effect.map(forwardNow(stream !== undefined, plan), (results) => {
          if (span !== undefined) noteResult(span, stream === undefined ? results : results[0]!)
          return results
        })
    )
}

/** Returns a store that appends as the role of this process allows. `base` does so while it is the writer. */
export const forwarding = (roles: Role, base: Store, random: (bytes: number) => Uint8Array): Store => {
  const appending = <A>(
    direct: Effect.Effect<A, EventAppendError>,
    forwarded: Effect.Effect<A, EventAppendError>
  ): Effect.Effect<A, EventAppendError> =>
    Effect.suspend(() =>
      roles.attempt !== undefined || roles.current.writer === undefined
        ? forwarded
        : // This process is no longer the writer, and nothing was appended.
          Effect.catchTags(direct, {
            LibClosed: () => forwarded,
            ReadOnly: () => forwarded,
            WriterPoisoned: () => forwarded
          })
    )
  const forward = forwardingTo(roles, random)
  const fresh = <A, E>(read: Effect.Effect<A, E>) => Effect.andThen(upToDate(roles), read)
  const freshStream = <A, E>(read: Stream.Stream<A, E>) => Stream.unwrap(Effect.as(upToDate(roles), read))
  return EventStore.of({
    ...base,
    append: (stream, events, options) =>
      appending(
        base.append(stream, events, options),
        Effect.map(
          forward(stream, (encoder, context) => {
            const one = oneAppend(stream, events, options, EventContext.valuesOf(context))
            return { planned: encoder.one(one), commandId: one.commandId }
          }),
          ([result]) => result!
        )
      ),
    appendAll: (appends, options) =>
      appending(
        base.appendAll(appends, options),
        forward(undefined, (encoder, context) => {
          const ofCall = ofAll(options, EventContext.valuesOf(context))
          return { planned: encoder.all(appends, ofCall), commandId: ofCall.commandId }
        })
      ),
    read: (stream, options) => freshStream(base.read(stream, options)),
    readAll: (options) => freshStream(base.readAll(options)),
    query: (query, options) => fresh(base.query(query, options)),
    decisionModel: (facts) => fresh(base.decisionModel(facts)),
    find: (stream, eventId) => fresh(base.find(stream, eventId)),
    findCommand: (stream, commandId) => fresh(base.findCommand(stream, commandId)),
    revision: (stream) => fresh(base.revision(stream)),
    position: Effect.andThen(Effect.ignore(upToDate(roles)), base.position)
  })
}

const planCheckpoint = lazy(() => import("../../services/streams/AppendCheckpoint.ts"), "planCheckpoint")

const send = (
  { requests }: Role,
  { meta }: LibHandle,
  isOne: boolean,
  { commandId, planned }: Plan
): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> => {
  const { given } = planned
  if (planned.entries.length === 0 && given === undefined && planned.conditions === undefined) return Effect.succeed([])
  const request = requestOf(isOne, planned, commandId)
  const bytes = Buffer.byteLength(request.body)
  const { batchBytesMax } = meta.limits
  if (bytes + 64 > frameBytesMax(meta.limits)) return Effect.fail(new BatchTooLarge({ bytes, batchBytesMax }))
  const sent = requests.send(request)
  return given === undefined ? sent : Effect.andThen(planCheckpoint(given), sent)
}

/**
 * Shows everything that is acknowledged now, whoever appended it: a read sees what was acknowledged before it began, as in
 * the process of the writer. Costs one look at the hint.
 */
const upToDate = (roles: Role): Effect.Effect<void, StorageError> =>
  Effect.suspend(() => {
    if (roles.attempt !== undefined) return roles.attempt
    const { handle } = roles.current
    if (handle.root.mode === "write" || handle.guard.isClosed) return Effect.void
    return Effect.mapError(Effect.asVoid(advanceReader(handle)), (error: OpenError | ReaderBusy) =>
      error instanceof StorageError ? error : storageError("refresh", handle.location, "failed", error.message)
    )
  })
