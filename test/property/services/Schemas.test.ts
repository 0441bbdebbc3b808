/** Errors and values without schemas: what reads them by their shapes agrees with the schemas made of these shapes. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as Litetapes from "litetapes"
import * as Schemas from "litetapes/Schemas"
import { assert, describe, it } from "vitest"
import type { ErrorClass } from "../../../src/domain/base/PlainError.ts"
import { reader } from "../../../src/domain/base/readShape.ts"
import type * as Shape from "../../../src/domain/base/Shape.ts"
import * as System from "../../../src/domain/meta/SystemRecord.ts"
import * as InvalidEvents from "../../../src/domain/event/Event.ts"
import { runs } from "../../support/runs.ts"
import { valueOf } from "../../support/valueOf.ts"

type AnyError = ErrorClass<Error & { readonly _tag: string }, string, Shape.Fields>

const isError = (value: unknown): value is AnyError =>
  typeof value === "function" && "kind" in value && value.kind === "error"

const errors = [...Object.values(Litetapes), InvalidEvents]
  .flatMap((module) => Object.values(module as object))
  .filter(isError)

const shapes: ReadonlyArray<readonly [string, Shape.Any]> = [
  ...[
    ...System.LibRecord.members,
    ...System.TapeRecord.members,
    System.TapeEnd,
    System.DynamicHeader,
    System.Commit
  ].map((shape) => [shape.fields.$type.literal, shape] as const),
  ["Placement", Litetapes.Placement.Placement],
  ["ExpectedRevision", Litetapes.EventErrors.ExpectedRevision],
  ["Reason", Litetapes.TaraSONError.Reason],
  ["Head", Litetapes.Proof.Head],
  ["InclusionProof", Litetapes.Proof.InclusionProof],
  ["ConsistencyProof", Litetapes.Proof.ConsistencyProof]
]

/** Replaces one part of a value, so that it usually has another shape. */
const changed = (value: unknown, at: number, by: unknown): unknown => {
  if (typeof value !== "object" || value === null || at % 5 === 0) return by
  const keys = Object.keys(value)
  if (keys.length === 0) return by
  const key = keys[at % keys.length]!
  const inner = changed((value as Record<string, unknown>)[key], Math.floor(at / 5), by)
  if (Array.isArray(value)) return value.map((one, index) => (String(index) === key ? inner : one))
  return at % 7 === 0
    ? Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
    : { ...value, [key]: inner }
}

const anything = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, true, "", "x", 0, -1, 1, 0.5, Number.NaN, 2 ** 53, [], {}, { a: 1 }),
  fc.jsonValue()
)

describe("shapes", () => {
  it.each(shapes)("read the same values of %s as the schemas made of them", (_, shape) => {
    for (const onExcessProperty of ["error", "ignore"] as const) {
      const read = reader(shape, { onExcessProperty })
      const decode = Schema.decodeUnknownResult(Schemas.of(shape), { onExcessProperty })
      const property = fc.property(valueOf(shape), fc.nat(), anything, fc.nat(3), (good, at, by, how) => {
        const value = how === 0 ? good : changed(good, at, by)
        const [ours, theirs] = [read(value), decode(value)]
        assert.strictEqual(Result.isSuccess(ours), Result.isSuccess(theirs), JSON.stringify(value))
        if (how === 0) assert.isTrue(Result.isSuccess(ours))
        if (Result.isSuccess(ours) && Result.isSuccess(theirs)) assert.deepStrictEqual(ours.success, theirs.success)
      })
      fc.assert(property, { numRuns: runs })
    }
  })

  it("say where a value differs, and quote nothing of it", () => {
    const read = reader(System.LibBackup, { onExcessProperty: "error" })
    const failureOf = (value: unknown) => Result.getOrThrow(Result.flip(read(value))).message
    fc.assert(
      fc.property(valueOf(System.LibBackup), (good) => {
        const secret = "secret-value"
        const tapes = [["00000000-0000-0000-0000-000000000000", secret]]
        assert.strictEqual(failureOf({ ...(good as object), tapes }), "at /tapes/0/1: expected a whole number")
        assert.strictEqual(failureOf({ ...(good as object), [secret]: 1 }), "unexpected members")
      }),
      { numRuns: 10 }
    )
  })
})

describe("errors", () => {
  it("are all found", () => assert.isAtLeast(errors.length, 40))

  it.each(errors.map((error) => [error.identifier, error] as const))(
    "%s is an error, an effect and a tag",
    (name, error) => {
      const tag = error.fields._tag.literal
      fc.assert(
        fc.property(fieldsOf(error), (fields) => {
          const failure = new error(fields as never)
          assert.instanceOf(failure, Error)
          assert.strictEqual(failure._tag, tag)
          // Two errors are about a name.
          assert.strictEqual(failure.name, fields["name"] ?? name)
          assert.isAbove(failure.message.length, 0)
          assert.deepStrictEqual<unknown>({ ...failure }, { _tag: tag, ...fields })
          const caught = Effect.catchTag(failure as Effect.Effect<never, { readonly _tag: string }>, tag, (found) =>
            Effect.succeed(found)
          )
          assert.strictEqual(Effect.runSync(caught as Effect.Effect<unknown>), failure)
          const yielded = Effect.gen(function* () {
            return yield* failure as Effect.Effect<never, Error>
          })
          assert.strictEqual(Effect.runSync(Effect.flip(yielded)), failure)
        }),
        { numRuns: 10 }
      )
    }
  )

  it.each(errors.map((error) => [error.identifier, error] as const))("%s goes over a wire and back", (_, error) => {
    const codec = Schema.fromJsonString(Schema.toCodecJson(Schemas.of(error)))
    fc.assert(
      fc.property(fieldsOf(error), (fields) => {
        const failure = new error(fields as never)
        const back = Schema.decodeUnknownSync(codec)(Schema.encodeUnknownSync(codec)(failure))
        assert.instanceOf(back, error)
        assert.deepStrictEqual<unknown>({ ...(back as object) }, { ...failure })
        assert.strictEqual((back as Error).message, failure.message)
      }),
      { numRuns: 10 }
    )
  })

  it("refuse fields of other types when they are read from a wire", () => {
    const decode = Schema.decodeUnknownResult(Schemas.of(Litetapes.Errors.LibLocked))
    assert.isTrue(Result.isFailure(decode({ _tag: "LibLocked", location: 1 })))
    assert.isTrue(Result.isFailure(decode({ _tag: "ReadOnly", location: "x" })))
  })
})

/** Returns fields of an error, without numbers that have no form in JSON. */
const fieldsOf = (error: AnyError): fc.Arbitrary<Record<string, unknown>> => {
  const { _tag, ...fields } = error.fields
  return valueOf({ kind: "struct", fields } as unknown as Shape.Any) as fc.Arbitrary<Record<string, unknown>>
}
