/**
 * From the value that an application has to the JSON value that is stored, and back, by the schema of an event type.
 *
 * The stored form is the encoded form of the schema wherever that is JSON, and otherwise the one that
 * `Schema.toCodecJson` gives it. A stored value is read in the same order. So a schema that always encodes to JSON
 * stores and reads what `Schema.encode` and `Schema.decode` do, and a value that was stored in this way is never read
 * as another one. What would not be read back as it was is refused before it is stored (decision 0041).
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { unreadable } from "../../domain/format/checkOptions.ts"
import { FieldPlan, Hidden } from "./erasure/FieldPlan.ts"
import { isJsonValue } from "./isJsonValue.ts"
import { isSameJson } from "./isSameJson.ts"
import { isSameForm, isSameKind } from "./isSameForm.ts"
import { mayBeJson, transforms } from "./schemaShape.ts"

/** A schema that converts at once: without services, and not asynchronously. */
export type EventSchema = Schema.Codec<unknown, unknown>

/** A converted value, or why a value cannot be converted. */
export type Converted = Result.Result<unknown, { readonly message: string }>
type Convert = (value: unknown) => Converted

interface Ways {
  readonly encode: Convert
  readonly decode: Convert
}

/** Converts the data of one event type. The schema is compiled at the first use. */
export class EventCodec {
  readonly #schema: EventSchema
  #ways: Ways | undefined
  #planned: Planned | undefined

  constructor(schema: EventSchema) {
    this.#schema = schema
  }

  /** Returns the JSON value to store, or why no JSON value would be read back as this value. */
  encode(value: unknown): Converted {
    const why = (this.#planned ??= plannedOf(this.#schema))?.why
    if (why !== undefined) return refused(why)
    return (this.#ways ??= compile(this.#schema)).encode(value)
  }

  /** The fields that are encrypted in what is stored; `undefined` if none is. */
  get plan(): FieldPlan | undefined {
    return (this.#planned ??= plannedOf(this.#schema))?.plan
  }

  /** Whether there may be one. Does not look into `Schema.suspend`, whose schema may not be defined yet. */
  get mayHavePlan(): boolean {
    return FieldPlan.mayBeOf(this.#schema)
  }

  /** Returns the value that was stored as `json`, or why it does not match the schema. */
  decode(json: unknown): Converted {
    return (this.#ways ??= compile(this.#schema)).decode(json)
  }
}

/** The encrypted fields of a schema, or why nothing can be encoded by it. */
interface Planned {
  readonly plan: FieldPlan | undefined
  readonly why: string | undefined
}

/** Returns `undefined` if the schema refers to one that is not defined yet, so that it cannot be used. */
const plannedOf = (schema: EventSchema): Planned | undefined => {
  try {
    return { plan: FieldPlan.of(schema), why: undefined }
  } catch (error) {
    return error instanceof Hidden ? { plan: undefined, why: error.message } : undefined
  }
}

const compile = (schema: EventSchema): Ways => {
  try {
    const plain = waysOf(schema)
    const json = Schema.toCodecJson(schema)
    if (json.ast !== schema.ast) return withJsonForm(schema, plain, waysOf(json))
    return { encode: transforms(schema.ast) ? readable(plain) : plain.encode, decode: plain.decode }
  } catch (error) {
    const failed = refused(`it has no JSON form: ${messageOf(error)}`)
    return { encode: () => failed, decode: () => failed }
  }
}

const waysOf = (schema: EventSchema): Ways => ({
  encode: atOnce(Schema.encodeUnknownResult(schema)),
  decode: atOnce(Schema.decodeUnknownResult(schema))
})

/** For a schema whose encoded form always is JSON. Refuses what its own decoding refuses, or makes another value of. */
const readable =
  ({ decode, encode }: Ways): Convert =>
  (value) => {
    const encoded = encode(value)
    return Result.isSuccess(encoded) ? ifSame(value, encoded.success, decode(encoded.success), encode) : encoded
  }

/**
 * Returns a stored JSON value if what is read of it is of the same kinds as the value, and would be stored as the same
 * JSON. A schema may lose something on purpose, as one that cuts off cents: that is encoded to the same form again.
 */
const ifSame = (value: unknown, stored: unknown, read: Converted, encode: Convert): Converted => {
  if (Result.isFailure(read)) return neverRead(read.failure.message)
  const again = encode(read.success)
  const isSame = Result.isSuccess(again) && isSameJson(again.success, stored) && isSameKind(value, read.success)
  return isSame ? Result.succeed(stored) : otherMeaning
}

const neverRead = (why: string): Converted => refused(`it is encoded to a value that could never be read again: ${why}`)

/** For a schema whose encoded form is not always JSON. */
const withJsonForm = (schema: EventSchema, plain: Ways, json: Ways): Ways => {
  const isPlain = mayBeJson(SchemaAST.toEncoded(schema.ast))
  const isChecked = transforms(schema.ast)
  const equal = Schema.toEquivalence(Schema.toEncoded(schema))
  const decode: Convert = (stored) => {
    const read = isPlain ? plain.decode(stored) : undefined
    return read !== undefined && Result.isSuccess(read) ? read : json.decode(stored)
  }
  const encode: Convert = (value) => {
    const own = plain.encode(value)
    if (Result.isFailure(own)) return own
    const isJson = isPlain && isReadAsJson(own.success)
    if (isJson === undefined) return refused(`it ${unreadable}`)
    if (isJson) {
      return isChecked ? ifSame(value, own.success, decode(own.success), plain.encode) : own
    }
    const encoded = json.encode(value)
    if (Result.isFailure(encoded)) return encoded
    const read = decode(encoded.success)
    if (Result.isFailure(read)) return neverRead(read.failure.message)
    // A schema may lose something on purpose, as one that cuts off seconds. Its JSON form must not lose any more.
    const again = plain.encode(read.success)
    const isKept =
      Result.isSuccess(again) && equal(own.success, again.success) && isSameForm(own.success, again.success)
    if (!isKept) return otherValue
    return isChecked && !isSameKind(value, read.success) ? otherMeaning : encoded
  }
  return { encode, decode }
}

/** Returns `undefined` for a value of the caller that cannot be read, such as one with a getter that throws. */
const isReadAsJson = (value: unknown): boolean | undefined => {
  try {
    return isJsonValue(value)
  } catch {
    return undefined
  }
}

/** Turns what an asynchronous schema, or one that throws, makes of a value into a failure. */
const atOnce =
  (convert: Convert): Convert =>
  (value) => {
    try {
      return convert(value)
    } catch (error) {
      return refused(
        `its schema threw, or is asynchronous, which the schema of an event must not be: ${messageOf(error)}`
      )
    }
  }

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "unknown")

const refused = (message: string): Converted => Result.fail({ message })

const otherValue = refused(
  "it would be read back as another value, because two members of a union have the same JSON form, or because the JSON form leaves something out. Give the members a tag, or encode the value by a schema of your own"
)

const otherMeaning = refused(
  "it would be read back as another value, because its schema decodes the stored form to something else. If another member of a union takes the stored form, give the members a tag; otherwise correct the schema"
)
