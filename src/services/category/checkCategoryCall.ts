/** Checks what a caller gives to a category, as far as the event store cannot. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { EventSchemaError } from "../../domain/event/EventErrors.ts"
import {
  anObject,
  anything,
  type Checks,
  elementOf,
  nested,
  oneOf,
  refuseWrongOptions,
  shown
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { type QueryItem, takeQuery } from "../../domain/event/Query.ts"
import type { SubscribeToStreamOptions } from "../follow/StreamSubscription.ts"
import type { SubscribeOptions } from "../follow/Subscription.ts"
import { filterChecks, type TypeFilter } from "../streams/EventFilter.ts"
import type { QueryOptions } from "../streams/QueryReader.ts"
import { readStreamChecks, type ReadStreamOptions } from "../streams/StreamReader.ts"
import type { Marks } from "./MetadataCodec.ts"
import type { Declared, Schemas } from "./EventTypes.ts"

/** Returns the error for a filter with a type that the category does not have: it would never match. */
export const refuseTypes = (
  filter: TypeFilter | undefined,
  call: string,
  category: string,
  schemas: Schemas
): InvalidArgument | undefined => {
  const why = whyNotTypes(filter?.types, category, schemas)
  return why === undefined ? undefined : new InvalidArgument({ call, argument: "options.filter.types", why })
}

/** Returns why these are not types of the category, which would never match, or `undefined`. */
export const whyNotTypes = (
  types: ReadonlyArray<string> | undefined,
  category: string,
  schemas: Schemas
): string | undefined => {
  const unknown = types?.find((type) => !Object.hasOwn(schemas, type))
  if (unknown === undefined) return undefined
  const known = Object.keys(schemas).map((type) => JSON.stringify(type))
  return `has ${JSON.stringify(unknown)}, which is not a type of the category ${JSON.stringify(category)}: its types are ${known.join(", ")}`
}

/**
 * Returns a copy of the query of a category, which must name only types that the category has.
 *
 * @throws InvalidArgument
 */
export const takeItems = (
  query: unknown,
  call: string,
  argument: string,
  category: string,
  schemas: Schemas
): ReadonlyArray<QueryItem> => {
  const items = takeQuery(call, argument, query)
  if (items === "all") {
    const why = 'must be an array of items, not "all": the events of the category are those of readAll'
    throw new InvalidArgument({ call, argument, why })
  }
  for (const [at, { types }] of items.entries()) {
    const why = whyNotTypes(types, category, schemas)
    if (why !== undefined) throw new InvalidArgument({ call, argument: `${argument}[${at}].types`, why })
  }
  return items
}

const declarationChecks = {
  retired: anObject,
  renamed: anObject,
  // Its schema is looked at with those of the types.
  metadata: anything
} satisfies Checks<Omit<Declared, "schemas">>

/** @throws Error */
export const checkDeclarations = (name: unknown, schemas: unknown, options: unknown): void => {
  if (typeof name !== "string" || name === "" || name.includes("-")) {
    throw new Error(`a category name must be a text that is not empty and has no "-", but this one is ${shown(name)}`)
  }
  const wrong = anObject(schemas ?? null)
  if (wrong !== undefined) throw new InvalidArgument({ call: "Category.make", argument: "schemas", why: wrong.why })
  refuseWrongOptions("Category.make", options, declarationChecks)
}

const unreadableCheck = oneOf("fail", "skip", "raw")

/** Options of both reads of a category. */
export const readingChecks = {
  ...readStreamChecks,
  unreadable: unreadableCheck
} satisfies Checks<ReadStreamOptions & { readonly unreadable?: unknown }>

/** Options of the subscription to a category. The event store checks most of them. */
export const subscribingChecks = {
  from: anything,
  filter: nested(filterChecks),
  allowGaps: anything,
  unreadable: unreadableCheck
} satisfies Checks<SubscribeOptions & { readonly unreadable?: unknown }>

/** Options of the subscription to a stream. */
export const subscribingToStreamChecks = {
  from: anything,
  allowGaps: anything,
  unreadable: unreadableCheck
} satisfies Checks<SubscribeToStreamOptions & { readonly unreadable?: unknown }>

/** Options of a query. */
export const queryingChecks = {
  after: anything,
  direction: anything,
  unreadable: unreadableCheck
} satisfies Checks<Omit<QueryOptions, "limit"> & { readonly unreadable?: unknown }>

/** Returns the error for an id that is not a text: as part of a name it would be that of another stream. */
export const wrongId = (call: string, id: unknown): InvalidArgument | undefined =>
  typeof id === "string"
    ? undefined
    : new InvalidArgument({ call, argument: "id", why: `must be a text, not ${shown(id)}` })

export const noMarks: Marks = {}

/**
 * Returns the marks of an append's options, or else of its context. What is not a text, or cannot be read, is refused by the
 * event store.
 */
export const marksIn = (options: Marks | undefined, context: Marks | undefined): Marks => {
  const outer = context === undefined ? noMarks : textsOf(context)
  if (options === undefined) return outer
  try {
    return { ...outer, ...textsOf(options) }
  } catch {
    return outer
  }
}

const textsOf = ({ causationId, correlationId }: Marks): Marks => ({
  ...(typeof correlationId === "string" ? { correlationId } : {}),
  ...(typeof causationId === "string" ? { causationId } : {})
})

/** Converts many events in one effect, since an effect for each would cost more than the conversion. */
export const all = <A, B>(
  values: ReadonlyArray<A>,
  each: (value: A) => Result.Result<B, EventSchemaError>,
  errorAt: (error: EventSchemaError, index: number) => EventSchemaError
): Effect.Effect<Array<B>, EventSchemaError> => {
  const converted: Array<B> = []
  for (let index = 0; index < values.length; index++) {
    const result = each(elementOf(values, index))
    if (Result.isFailure(result)) return Effect.fail(errorAt(result.failure, index))
    converted.push(result.success)
  }
  return Effect.succeed(converted)
}
