/** Generates values of a shape. */
import * as fc from "fast-check"
import type * as Shape from "../../src/domain/base/Shape.ts"

/** Returns values of a shape, whose numbers have a form in JSON. */
export const valueOf = (given: Shape.Any): fc.Arbitrary<unknown> => {
  const shape = given as Shape.Kinds
  switch (shape.kind) {
    case "literals":
      return fc.constantFrom<unknown>(...shape.literals)
    case "nullOr":
      return fc.option(valueOf(shape.of), { nil: null })
    case "optionalKey":
      return valueOf(shape.of)
    case "struct": {
      const names = Object.keys(shape.fields)
      const requiredKeys = names.filter((name) => shape.fields[name]!.kind !== "optionalKey")
      const values = Object.fromEntries(names.map((name) => [name, valueOf(shape.fields[name]!)]))
      return fc.record(values, { requiredKeys, noNullPrototype: true })
    }
    case "tuple":
      return fc.tuple(...shape.elements.map(valueOf))
    case "array":
      return fc.array(valueOf(shape.of), { minLength: lengthMin(shape.checks), maxLength: 5 })
    case "union":
      return fc.oneof(...shape.members.map(valueOf))
    default:
      return simpleOf(shape)
  }
}

const lengthMin = (checks: ReadonlyArray<Shape.Check>): number => {
  const length = checks.find(({ check }) => check === "length")
  return length?.check === "length" ? length.minimum : 0
}

const simpleOf = ({ checks, kind }: Shape.Simple<unknown>): fc.Arbitrary<unknown> => {
  const pattern = checks.find((check) => check.check === "pattern")
  const range = checks.find((check) => check.check === "between")
  if (kind === "string") {
    return pattern === undefined ? fc.string({ minLength: lengthMin(checks) }) : fc.stringMatching(pattern.pattern)
  }
  if (kind === "boolean") return fc.boolean()
  if (kind === "unknown") return fc.jsonValue()
  const whole = fc.integer({ min: range?.minimum ?? -10, max: Math.min(range?.maximum ?? 10, 2 ** 31) })
  return kind === "int" ? whole : fc.oneof(whole, fc.double({ noNaN: true, noDefaultInfinity: true }).map(positiveZero))
}

/** JSON has one zero. */
const positiveZero = (value: number): number => value + 0
