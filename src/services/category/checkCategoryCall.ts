/** Checks what a caller gives to a category, as far as the event store cannot. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { EventSchemaError } from "../../domain/event/EventErrors.ts"
import {
  anObject,
  anything,
  type Checks,
  elementOf,
  oneOf,
  refuseWrongOptions,
  shown
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { TypeFilter } from "../streams/EventFilter.ts"
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
  const unknown = filter?.types?.find((type) => !Object.hasOwn(schemas, type))
  if (unknown === undefined) return undefined
  const known = Object.keys(schemas).map((type) => JSON.stringify(type))
  const why = `has ${JSON.stringify(unknown)}, which is not a type of the category ${JSON.stringify(category)}: its types are ${known.join(", ")}`
  return new InvalidArgument({ call, argument: "options.filter.types", why })
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

/** Options of both reads of a category. */
export const readingChecks = {
  ...readStreamChecks,
  unreadable: oneOf("fail", "skip", "raw")
} satisfies Checks<ReadStreamOptions & { readonly unreadable?: unknown }>

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
