/**
 * Schemas of the errors and values of litetapes, for programs that send them over a wire, as RPC and HTTP APIs do.
 *
 * litetapes itself needs no schemas to open a lib and describes its errors and values by plain shapes. Only this module
 * and `Category` load `effect/Schema`.
 *
 * ```ts
 * import * as Schema from "effect/Schema"
 * import * as EventErrors from "litetapes/EventErrors"
 * import * as Proof from "litetapes/Proof"
 * import * as Schemas from "litetapes/Schemas"
 *
 * const Failure = Schema.Union([Schemas.of(EventErrors.WrongExpectedRevision), Schemas.of(EventErrors.EventIdConflict)])
 * const Head = Schemas.of(Proof.Head)
 * ```
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { ErrorClass } from "../domain/base/PlainError.ts"
import type * as Shape from "../domain/base/Shape.ts"

/** What a value becomes on the wire: an error becomes an object with its tag and fields, all else stays as it is. */
export type Encoded<S extends Shape.Any> = S extends {
  readonly kind: "error"
  readonly fields: infer F extends Shape.Fields
}
  ? Shape.Members<F>
  : S["Type"]

/**
 * Returns the schema of an error class, or of a value such as `Proof.Head`, `Placement.Placement` or
 * `EventErrors.ExpectedRevision`. Decoding an error returns an instance of its class. Each call makes a new schema: keep
 * it.
 */
export const of = <S extends Shape.Any>(shape: S): Schema.Codec<S["Type"], Encoded<S>> =>
  schemaOf(shape as unknown as Kinds) as unknown as Schema.Codec<S["Type"], Encoded<S>>

type Kinds = Shape.Kinds | ErrorClass<Error, string, Shape.Fields>

type Made = Schema.Codec<unknown, unknown>

const schemaOf = (given: Shape.Any): Made => {
  const shape = given as Kinds
  switch (shape.kind) {
    case "literals":
      return Schema.Literals(shape.literals)
    case "nullOr":
      return Schema.NullOr(schemaOf(shape.of))
    case "optionalKey":
      return Schema.optionalKey(schemaOf(shape.of)) as unknown as Made
    case "struct":
      return structOf(shape.fields)
    case "tuple":
      return Schema.Tuple(shape.elements.map(schemaOf)) as unknown as Made
    case "array":
      return checked(Schema.Array(schemaOf(shape.of)) as unknown as Made, shape.checks)
    case "union":
      return Schema.Union(shape.members.map(schemaOf)) as unknown as Made
    case "error":
      return errorOf(shape)
    default:
      return checked(simple[shape.kind] as Made, shape.checks)
  }
}

const simple = {
  string: Schema.String,
  number: Schema.Number,
  int: Schema.Int,
  boolean: Schema.Boolean,
  unknown: Schema.Unknown
}

const structOf = (fields: Shape.Fields): Made =>
  Schema.Struct(
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)]))
  ) as unknown as Made

const errorOf = (error: ErrorClass<Error, string, Shape.Fields>): Made => {
  const names = Object.keys(error.fields)
  const encode = (failure: object) =>
    Object.fromEntries(Object.entries(failure).filter(([name]) => names.includes(name)))
  return structOf(error.fields).pipe(
    Schema.decodeTo(
      Schema.instanceOf(error as unknown as new () => Error, { identifier: error.identifier }),
      SchemaTransformation.transform({
        decode: (fields): Error => new error(fields as never),
        encode: (failure: Error): unknown => encode(failure)
      })
    )
  ) as unknown as Made
}

const checked = (schema: Made, checks: ReadonlyArray<Shape.Check>): Made =>
  checks.reduce((made, check) => (made as unknown as Schema.String).check(checkOf(check)) as unknown as Made, schema)

const checkOf = (check: Shape.Check) => {
  if (check.check === "pattern") return Schema.isPattern(check.pattern)
  const { maximum, minimum } = check
  const isInRange = (value: unknown): boolean => {
    const measured = check.check === "length" ? (value as string).length : (value as number)
    return measured >= minimum && measured <= maximum
  }
  return Schema.makeFilter<string>(isInRange, {
    expected: `a ${check.check === "length" ? "length" : "number"} from ${minimum} to ${maximum}`
  })
}
