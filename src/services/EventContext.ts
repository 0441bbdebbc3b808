/**
 * The context in which events are appended: metadata that every append adds to its events, without an option in each
 * call. It flows with the fibre through every append, category and decider that an effect runs.
 *
 * Metadata is ignored when repeats are recognised, so a retry may have another context.
 *
 * @example
 * ```ts
 * const handling = (request: Request) =>
 *   placeOrder(request).pipe(
 *     EventContext.provide({
 *       correlationId: request.headers.get("x-request-id") ?? crypto.randomUUID(),
 *       metadata: { tenant: "acme", traceparent: request.headers.get("traceparent") ?? "" }
 *     })
 *   )
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { causedBy } from "../domain/event/causedBy.ts"
import type { Marks, RecordedEvent } from "../domain/event/Event.ts"
import { anObject, aText, type Check, type Checks, refuseWrongOptions } from "../domain/format/checkOptions.ts"
import type { Json } from "../domain/json/Json.ts"
import { versionKey } from "./category/versionKey.ts"

/**
 * Metadata that an append adds to its events. The event's own metadata and the options of the append take precedence.
 */
export interface Values {
  /** An id that related events share. */
  readonly correlationId?: string
  /** Id of the event or command that causes the events. */
  readonly causationId?: string
  /**
   * Anything else, such as a trace or a tenant. If a category has a schema of its metadata, the schema checks it. Must
   * not have the key `schemaVersion`, which is the version of an event's type.
   */
  readonly metadata?: { readonly [key: string]: Json }
}

/** The context of the events that this fibre appends; `undefined` by default. Use `provide`, which adds to it, or `replace`. */
export const EventContext: Context.Reference<Values | undefined> = Context.Reference<Values | undefined>(
  "litetapes/EventContext",
  { defaultValue: () => undefined }
)

const aMetadata: Check = (value) =>
  anObject(value) ??
  (value !== undefined && Object.hasOwn(value as object, versionKey)
    ? { below: `.${versionKey}`, why: `must be left out: it is the version of an event's type` }
    : undefined)

const checks = { correlationId: aText, causationId: aText, metadata: aMetadata } satisfies Checks<Values>

/**
 * Runs an effect in a context: the values are added to those of the context around it, and replace values of the same
 * name.
 *
 * @throws InvalidArgument for a name that it does not know, or a value that it cannot take
 */
export const provide = (values: Values): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  refuseWrongOptions("EventContext.provide", values, checks, "values")
  return (effect) =>
    Effect.withFiber((fiber) => Effect.provideService(effect, EventContext, both(fiber.getRef(EventContext), values)))
}

/**
 * Runs an effect in a context of these values alone: nothing of the context around it is kept. Use it for work that
 * does not belong to the present request, such as an event that you handle.
 *
 * @example
 * ```ts
 * const shipped = store.append("shipment-1", [{ type: "Shipped" }]).pipe(EventContext.replace(EventContext.of(paid)))
 * ```
 *
 * @throws InvalidArgument for a name that it does not know, or a value that it cannot take
 */
export const replace = (values: Values): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  refuseWrongOptions("EventContext.replace", values, checks, "values")
  return Effect.provideService(EventContext, values)
}

const both = (outer: Values | undefined, inner: Values): Values =>
  outer === undefined
    ? inner
    : {
        ...outer,
        ...inner,
        ...(outer.metadata === undefined || inner.metadata === undefined
          ? {}
          : { metadata: { ...outer.metadata, ...inner.metadata } })
      }

/** The keys of metadata that go from an event to those that it causes: a W3C trace context, and a tenant. */
export const carriedKeys: ReadonlyArray<string> = Object.freeze(["traceparent", "tracestate", "tenant"])

/**
 * Returns the context for events that an event causes: its correlation id (or else its id), its id as the causation id,
 * and those of the keys `carried` that its metadata has. A consumer runs its handler in this context alone, as with
 * `replace`.
 *
 * @example
 * ```ts
 * const shipped = store.append("shipment-1", [{ type: "Shipped" }]).pipe(EventContext.replace(EventContext.of(paid)))
 * ```
 */
export const of = (event: RecordedEvent, carried: ReadonlyArray<string> = carriedKeys): Values => {
  const { metadata } = event
  const marks = causedBy(event)
  const kept = carried.filter((key) => Object.hasOwn(metadata, key))
  return kept.length === 0
    ? marks
    : { ...marks, metadata: Object.fromEntries(kept.map((key) => [key, metadata[key]!])) }
}

/** Returns what a context sets in the metadata of an event; `undefined` for nothing. */
export const valuesOf = (context: Values | undefined): Marks | undefined => {
  if (context === undefined) return undefined
  const { causationId, correlationId, metadata } = context
  const values: Record<string, Json> = { ...metadata }
  // A context that was given to the fibre past `provide` was not checked.
  delete values[versionKey]
  if (correlationId !== undefined) values["correlationId"] = correlationId
  if (causationId !== undefined) values["causationId"] = causationId
  return values
}
