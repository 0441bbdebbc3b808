/**
 * Converts the metadata of events by the schema that a category has for it.
 *
 * Marks are stored next to what the schema describes, so the schema sees a mark only if it names its key.
 */
import * as Result from "effect/Result"
import * as SchemaAST from "effect/SchemaAST"
import { unreadable } from "../../domain/format/checkOptions.ts"
import { isObject } from "./copyEvent.ts"
import type { Converted, EventCodec, EventSchema } from "./EventCodec.ts"
import { isSameKind } from "./isSameForm.ts"
import { isSameJson } from "./isSameJson.ts"
import { namesKey } from "./schemaShape.ts"

const markNames = ["correlationId", "causationId"] as const

type MarkName = (typeof markNames)[number]

/** Marks that the options of an append set. */
export type Marks = { readonly [Name in MarkName]?: string }

/** Marks that a side of the schema names. */
type Named = ReadonlyArray<MarkName>

export class MetadataCodec {
  readonly #schema: EventSchema
  readonly #codec: EventCodec
  // Found out at the first use: a schema may refer to one that is defined later.
  #typed: Named | undefined
  #stored: Named | undefined

  constructor(schema: EventSchema, codec: EventCodec) {
    this.#schema = schema
    this.#codec = codec
  }

  /**
   * Returns the metadata to store, or why it would not be read back. `marks` are those of the options of an append: the
   * event store adds them.
   */
  encode(metadata: unknown, marks: Marks): Converted {
    const encoded = this.#encode(metadata)
    if (Result.isFailure(encoded) || !isObject(encoded.success)) return encoded
    const stored = encoded.success
    const named = (this.#stored ??= namedBy(SchemaAST.toEncoded(this.#schema.ast)))
    if (!named.some((name) => marks[name] !== undefined || Object.hasOwn(stored, name))) return encoded
    const why = this.#whyNotRead(metadata, { ...marks, ...stored })
    return why === undefined ? encoded : refused(`with its marks ${why}`)
  }

  /** Returns the metadata that was stored, or why it does not match the schema. */
  decode(stored: unknown): Converted {
    if (!isObject(stored)) return this.#codec.decode(stored)
    const marks = marksOf(stored)
    if (marks === undefined) return this.#codec.decode(stored)
    const named = (this.#stored ??= namedBy(SchemaAST.toEncoded(this.#schema.ast)))
    return withMarks(marks, this.#codec.decode(without(stored, marks, named)))
  }

  #encode(metadata: unknown): Converted {
    const copy = isObject(metadata) ? copyOf(metadata) : undefined
    if (copy === undefined) return isObject(metadata) ? refused(`it ${unreadable}`) : this.#codec.encode(metadata)
    const marks = marksOf(copy)
    if (marks === undefined) return this.#codec.encode(metadata)
    const named = (this.#typed ??= namedBy(SchemaAST.toType(this.#schema.ast)))
    const wrong = markNames.find((name) => !named.includes(name) && !isText(marks[name]))
    return wrong === undefined
      ? withMarks(marks, this.#codec.encode(without(copy, marks, named)))
      : refused(`its ${wrong} must be a text, because it is a mark, and the schema does not name it`)
  }

  /** Says why this would not be read back as it is stored; `undefined` if it would. */
  #whyNotRead(metadata: unknown, stored: object): string | undefined {
    const read = this.decode(stored)
    if (Result.isFailure(read)) return `it could never be read again: ${read.failure.message}`
    const again = this.#encode(read.success)
    return Result.isSuccess(again) && isSameJson(again.success, stored) && isSameKind(metadata, read.success)
      ? undefined
      : "it would be read back as another value"
  }
}

/** Returns `undefined` if it cannot be read: that may run code of the caller. */
const copyOf = (metadata: object): object | undefined => {
  try {
    return { ...metadata }
  } catch {
    return undefined
  }
}

const refused = (message: string): Converted => Result.fail({ message })

/** A mark that is left out is right too. */
const isText = (mark: unknown): boolean => mark === undefined || typeof mark === "string"

const namedBy = (side: SchemaAST.AST): Named => markNames.filter((name) => namesKey(side, name))

type Values = { readonly [Name in MarkName]?: unknown }

const marksOf = (metadata: Values): Values | undefined => {
  let marks: { [Name in MarkName]?: unknown } | undefined
  for (const name of markNames) if (Object.hasOwn(metadata, name)) (marks ??= {})[name] = metadata[name]
  return marks
}

/** Returns what the schema is to convert: all but the marks that it does not name. */
const without = (metadata: object, marks: Values, named: Named): object => {
  const rest: { [key: string]: unknown } = { ...metadata }
  for (const name of markNames) if (name in marks && !named.includes(name)) delete rest[name]
  return rest
}

/** Puts the marks back that the schema does not know. */
const withMarks = (marks: Values, converted: Converted): Converted => {
  if (Result.isFailure(converted) || !isObject(converted.success)) return converted
  const all: { [key: string]: unknown } = {}
  for (const name of markNames) if (typeof marks[name] === "string") all[name] = marks[name]
  return Result.succeed({ ...all, ...converted.success })
}
