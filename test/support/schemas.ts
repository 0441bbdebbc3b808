/** Schemas of event data with values of theirs: all kinds that have a JSON form, and some without one. */
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as fc from "fast-check"
import * as Arbitraries from "./arbitraries.ts"

export interface Kind {
  /** For the report of a failure. */
  readonly name: string
  readonly schema: Schema.Codec<unknown, unknown>
  readonly value: fc.Arbitrary<unknown>
  /** Whether one of its values has the JSON form null. It then cannot be in a union with null or undefined. */
  readonly mayBeNull: boolean
}

const kind = (
  name: string,
  schema: { readonly ast: Schema.Top["ast"] },
  value: fc.Arbitrary<unknown>,
  mayBeNull = false
): Kind => ({ name, schema: schema as Schema.Codec<unknown, unknown>, value, mayBeNull })

const times = fc.date({ noInvalidDate: true })
const urls = fc.webUrl().map((url) => new URL(url))
const nothing = fc.constant(undefined)

const leaves: ReadonlyArray<Kind> = [
  kind("String", Schema.String, Arbitraries.text),
  kind("Int", Schema.Int, fc.maxSafeInteger()),
  kind("Finite", Schema.Finite, fc.double({ noNaN: true, noDefaultInfinity: true })),
  kind("Number", Schema.Number, fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 1))),
  kind("Boolean", Schema.Boolean, fc.boolean()),
  kind("Literals", Schema.Literals(["a", 1, 2n]), fc.constantFrom("a", 1, 2n)),
  kind("Null", Schema.Null, fc.constant(null), true),
  kind("Undefined", Schema.Undefined, nothing, true),
  kind("Void", Schema.Void, nothing, true),
  kind("BigInt", Schema.BigInt, fc.bigInt()),
  kind("Date", Schema.Date, times),
  kind("DateTimeUtc", Schema.DateTimeUtc, times.map(DateTime.makeUnsafe)),
  kind("DateTimeUtcFromString", Schema.DateTimeUtcFromString, times.map(DateTime.makeUnsafe)),
  kind("BigIntFromString", Schema.BigIntFromString, fc.bigInt()),
  kind(
    "BigDecimal",
    Schema.BigDecimal,
    fc.tuple(fc.bigInt(), fc.integer({ min: -40, max: 40 })).map(([value, scale]) => BigDecimal.make(value, scale))
  ),
  kind("Duration", Schema.Duration, fc.oneof(fc.nat().map(Duration.millis), fc.constant(Duration.infinity))),
  kind("URL", Schema.URL, urls),
  kind("Uint8Array", Schema.Uint8Array, fc.uint8Array()),
  kind("RegExp", Schema.RegExp, fc.constantFrom(/a/, /b\/c/giu)),
  kind(
    "Symbol",
    Schema.Symbol,
    Arbitraries.text.map((text) => Symbol.for(text))
  ),
  kind("Json", Schema.Json, Arbitraries.json, true),
  kind("Unknown", Schema.Unknown, Arbitraries.json, true)
]

class Hidden {
  readonly at = new Date(0)
}

/** With offsets of seconds in old times, which their text leaves out. */
const zonedTimes = fc
  .date({ noInvalidDate: true, min: new Date("1000-01-01"), max: new Date("3000-01-01") })
  .map((at) => DateTime.makeZonedUnsafe(at, { timeZone: "Europe/London" }))

const oneWay = SchemaGetter.forbidden<string, string>(() => "one way")
const same = SchemaGetter.transform((text: string) => text)
const later = SchemaGetter.transformEffect((text: string) => Effect.as(Effect.sleep(1), text))
const throws = SchemaGetter.transform((text: string): string => {
  throw new Error(`no ${text.length}`)
})
const through = (decode: SchemaGetter.Getter<string, string>, encode: SchemaGetter.Getter<string, string>) =>
  Schema.String.pipe(Schema.decodeTo(Schema.String, { decode, encode }))

const textLength = Schema.String.pipe(
  Schema.decodeTo(Schema.Int, { decode: SchemaGetter.transform((text) => text.length), encode: SchemaGetter.String() })
)
const numerals = fc.oneof(fc.integer(), fc.constantFrom("0012", "12", "1e3", "no number"))
const optionsOfNull = fc.constantFrom(Option.none(), Option.some(null), Option.some("a"))

/** Kinds of which some values, or all, cannot be stored or read again. */
const hostileLeaves: ReadonlyArray<Kind> = [
  kind("String (ill-formed)", Schema.String, Arbitraries.illFormedText),
  kind("Any", Schema.Any, fc.constantFrom(undefined, 1n, new Date(0), "a", { a: undefined }, [null]), true),
  kind("Unknown", Schema.Unknown, fc.constantFrom<unknown>(undefined, 1n, new Date(0), { a: [undefined] }, 1), true),
  kind("Date (invalid)", Schema.Date, fc.constant(new Date(Number.NaN))),
  kind("Symbol", Schema.Symbol, fc.constant(Symbol("local"))),
  kind("class", Schema.instanceOf(Hidden), fc.constant(new Hidden())),
  kind(
    "function",
    Schema.declare((value): value is () => void => typeof value === "function"),
    fc.constant(() => {})
  ),
  kind("one way", through(oneWay, same), Arbitraries.text),
  kind("asynchronous", through(later, later), Arbitraries.text),
  kind("decodes later", through(later, same), Arbitraries.text),
  kind("throws", through(throws, throws), Arbitraries.text),
  kind("decoding throws", through(throws, same), Arbitraries.text),
  kind("length", textLength, fc.nat(10_000)),
  kind("numeric text", Schema.Union([Schema.FiniteFromString, Schema.String]), numerals),
  kind("spaced text", Schema.Union([Schema.Trim, Schema.String]), fc.constantFrom(" a ", "a", "")),
  kind("option of null", Schema.OptionFromNullOr(Schema.NullOr(Schema.String)), optionsOfNull, true),
  kind("DateTimeZoned", Schema.DateTimeZoned, zonedTimes),
  kind("__proto__", Schema.Record(Schema.String, Schema.Int), fc.constant(JSON.parse('{"__proto__":1,"a":2}')))
]

const fieldNames = ["a", "b c", "ключ", "_tag2"]

type Field = readonly [kind: Kind, presence: "required" | "optionalKey" | "optional"]

/** `optional` takes undefined too, which has the form null. */
const structOf = (fields: ReadonlyArray<Field>): Kind => {
  const schemas: Record<string, Schema.Top> = {}
  const values: Record<string, fc.Arbitrary<unknown>> = {}
  const required: Array<string> = []
  fields.forEach(([{ mayBeNull, schema, value }, presence], index) => {
    const name = fieldNames[index]!
    const isOptional = presence === "optional" && !mayBeNull
    values[name] = isOptional ? fc.option(value, { nil: undefined }) : value
    if (presence === "required") required.push(name)
    schemas[name] = presence === "required" ? schema : isOptional ? Schema.optional(schema) : Schema.optionalKey(schema)
  })
  const names = fields.map(([{ name }, presence]) => `${presence} ${name}`).join(", ")
  return kind(`{${names}}`, Schema.Struct(schemas as never), fc.record(values, { requiredKeys: required }))
}

const classOf = (inner: Kind): Kind => {
  class Item extends Schema.Class<Item>(`Item${(items += 1)}`)({ inner: inner.schema }) {}
  // A value that does not fit cannot be in an instance, so it stays outside of one, and is refused.
  const fits = Schema.is(inner.schema)
  const made = inner.value.map((value) => (fits(value) ? new Item({ inner: value }) : { inner: value }))
  return kind(`class{${inner.name}}`, Item, made)
}
let items = 0

const taggedUnionOf = ([a, b]: readonly [Kind, Kind]): Kind =>
  kind(
    `tagged ${a.name} | ${b.name}`,
    Schema.Union([Schema.TaggedStruct("A", { v: a.schema }), Schema.TaggedStruct("B", { v: b.schema })]),
    fc.oneof(
      a.value.map((v) => ({ _tag: "A", v })),
      b.value.map((v) => ({ _tag: "B", v }))
    )
  )

const wrappers: ReadonlyArray<(inner: Kind) => Kind> = [
  ({ name, schema, value }) => kind(`Array(${name})`, Schema.Array(schema), fc.array(value, { maxLength: 3 })),
  ({ name, schema, value }) =>
    kind(`Option(${name})`, Schema.Option(schema), fc.option(value.map(Option.some), { nil: Option.none() })),
  ({ name, schema, value }) =>
    kind(
      `Record(${name})`,
      Schema.Record(Schema.String, schema),
      fc.dictionary(Arbitraries.key, value, { maxKeys: 3, noNullPrototype: true })
    ),
  ({ name, schema, value }) =>
    kind(
      `Map(Date, ${name})`,
      Schema.ReadonlyMap(Schema.Date, schema),
      fc.array(fc.tuple(times, value), { maxLength: 3 }).map((entries) => new Map(entries))
    ),
  ({ name, schema, value }) =>
    kind(
      `Set(${name})`,
      Schema.ReadonlySet(schema),
      fc.array(value, { maxLength: 3 }).map((values) => new Set(values))
    ),
  ({ name, schema, value }) =>
    kind(`Chunk(${name})`, Schema.Chunk(schema), fc.array(value, { maxLength: 3 }).map(Chunk.fromIterable)),
  ({ name, schema, value }) =>
    kind(
      `HashMap(${name})`,
      Schema.HashMap(Schema.String, schema),
      fc.array(fc.tuple(Arbitraries.text, value), { maxLength: 3 }).map(HashMap.fromIterable)
    ),
  (inner) => ({ ...inner, name: `suspend(${inner.name})`, schema: Schema.suspend(() => inner.schema) }),
  classOf,
  (inner) => (inner.mayBeNull ? inner : nullable("NullOr", Schema.NullOr(inner.schema), inner, null)),
  (inner) => (inner.mayBeNull ? inner : nullable("UndefinedOr", Schema.UndefinedOr(inner.schema), inner, undefined))
]

const nullable = (name: string, schema: Schema.Top, inner: Kind, nil: null | undefined): Kind =>
  kind(`${name}(${inner.name})`, schema, fc.option(inner.value, { nil }), true)

/** A union whose members may have the same JSON form. */
const unionOf = ([a, b]: readonly [Kind, Kind]): Kind =>
  kind(`${a.name} | ${b.name}`, Schema.Union([a.schema, b.schema]), fc.oneof(a.value, b.value), true)

const nullish = ({ name, schema, value }: Kind): Kind =>
  kind(`NullishOr(${name})`, Schema.NullishOr(schema), fc.oneof(value, fc.constantFrom(null, undefined)), true)

const kindsOf = (leaf: ReadonlyArray<Kind>, isHostile: boolean): fc.Arbitrary<Kind> =>
  fc.letrec<{ readonly any: Kind }>((tie) => {
    const any = tie("any")
    const field: fc.Arbitrary<Field> = fc.tuple(any, fc.constantFrom("required", "optionalKey", "optional"))
    const both = fc.tuple(any, any)
    const more = isHostile ? [both.map(unionOf), any.map(nullish)] : []
    return {
      any: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.constantFrom(...leaf),
        fc.array(field, { minLength: 1, maxLength: fieldNames.length }).map(structOf),
        fc.tuple(fc.constantFrom(...wrappers), any).map(([wrap, inner]) => wrap(inner)),
        both.map(taggedUnionOf),
        ...more
      )
    }
  }).any

/** A kind with a value of it. Its report is the name of the kind. */
export interface Sample extends Kind {
  readonly sample: unknown
  readonly [fc.toStringMethod]: () => string
}

const sampleOf = (kinds: fc.Arbitrary<Kind>): fc.Arbitrary<Sample> =>
  kinds.chain((chosen) =>
    chosen.value.map((sample) => ({
      ...chosen,
      sample,
      [fc.toStringMethod]: () => `${chosen.name} = ${fc.stringify(sample)}`
    }))
  )

/** Schemas all of whose values can be stored. */
export const storable = sampleOf(kindsOf(leaves, false))

/** Schemas of every kind, also those that cannot be stored, or only for some values. */
export const anything = sampleOf(kindsOf([...leaves, ...hostileLeaves], true))

/** Whether two values are the same to an application; −0 is stored as 0. Asks no schema. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) {
    return a === b || (Number.isNaN(a) && Number.isNaN(b))
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b) && Object.getPrototypeOf(a) !== null) return false
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime())
  if (a instanceof URL || a instanceof RegExp) return String(a) === String(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  if (BigDecimal.isBigDecimal(a) || DateTime.isDateTime(a) || Duration.isDuration(a)) return Equal.equals(a, b)
  if (Option.isOption(a) && Option.isOption(b)) return isSame(Option.getOrUndefined(a), Option.getOrUndefined(b))
  if (HashMap.isHashMap(a) && HashMap.isHashMap(b)) {
    const entries: ReadonlyArray<readonly [unknown, unknown]> = [...HashMap.entries(a)]
    return HashMap.size(a) === HashMap.size(b) && entries.every(([key, value]) => isSame(value, valueAt(b, key)))
  }
  if (isIterable(a) && isIterable(b)) {
    const others = [...b]
    const own = [...a]
    return own.length === others.length && own.every((value, index) => isSame(value, others[index]))
  }
  const keys = Object.keys(a)
  const hasAll = keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key))
  return hasAll && keys.every((key) => isSame(fieldOf(a, key), fieldOf(b, key)))
}

const valueAt = (map: HashMap.HashMap<unknown, unknown>, key: unknown): unknown =>
  Option.getOrUndefined(HashMap.get(map, key))
const fieldOf = (value: object, key: string): unknown => (value as Record<string, unknown>)[key]
const isIterable = (value: object): value is Iterable<unknown> => Symbol.iterator in value
