/** What processes that share a lib send each other comes back as it was, and nothing else is taken for it. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { ErrorClass } from "../../../../src/domain/base/PlainError.ts"
import type * as Shape from "../../../../src/domain/base/Shape.ts"
import { answerOf, readAnswer } from "../../../../src/layers/shared/answerForms.ts"
import { appendErrors } from "../../../../src/layers/shared/errorForms.ts"
import { FrameReader, frameOf, greetingBytesMax } from "../../../../src/layers/shared/frames.ts"
import { readCaller, readWriter } from "../../../../src/layers/shared/greetings.ts"
import { readRequest } from "../../../../src/layers/shared/requestForms.ts"
import type { AppendResult } from "../../../../src/services/streams/AppendRequest.ts"
import { runs } from "../../../support/runs.ts"
import { valueOf } from "../../../support/valueOf.ts"

type AnyError = ErrorClass<Error & { readonly _tag: string }, string, Shape.Fields>

const classes = Object.entries(appendErrors) as unknown as ReadonlyArray<readonly [string, AnyError]>

/** Errors after which the next writer is asked, so they are sent as that. */
const moving = new Set(["CommitOutcomeUnknown", "LibClosed", "ReadOnly", "WriterPoisoned"])

const answered = (exit: Exit.Exit<ReadonlyArray<AppendResult>, never>) => readAnswer(`{"number":7,${answerOf(exit)}`)

/** JSON has neither these numbers nor a text that stands for one of them. */
const awkward = fc.constantFrom<unknown>(Number.NaN, Infinity, -Infinity, -0, "\0", "\0NaN", "\0\0", "\ud800", "é")

/** Returns fields of an error, some of whose numbers and texts are awkward. */
const fieldsOf = (error: AnyError): fc.Arbitrary<Record<string, unknown>> => {
  const { _tag, ...fields } = error.fields
  const kinds: ReadonlyMap<string, string> = new Map(
    Object.entries(fields).map(([name, field]) => [name, (field as Shape.Kinds).kind])
  )
  const usual = valueOf({ kind: "struct", fields } as unknown as Shape.Any) as fc.Arbitrary<Record<string, unknown>>
  return fc.tuple(usual, fc.array(awkward, { maxLength: 4 })).map(([given, values]) => {
    const changed = { ...given }
    for (const [name, kind] of kinds) {
      const value = values.find((one) => typeof one === kind)
      if (value !== undefined && name in changed) changed[name] = value
    }
    return changed
  })
}

const count = fc.nat(2 ** 31)

const results = fc.array(
  fc.record({
    stream: fc.string(),
    firstRevision: count,
    lastRevision: fc.oneof(count, fc.constant(-1)),
    firstPosition: fc.oneof(count, fc.constant(-1)),
    lastPosition: fc.oneof(count, fc.constant(-1)),
    repeated: fc.boolean()
  }),
  { maxLength: 5 }
)

describe("answers", () => {
  it("are known for every error of an append", () => assert.isAtLeast(classes.length, 35))

  it.each(classes)("bring a %s back as an error of the same class", (tag, error) => {
    const property = fc.property(fieldsOf(error), (fields) => {
      const failure = new error(fields as never)
      const read = answered(Exit.fail(failure as never))
      assert.strictEqual(read?.number, 7)
      const answer = read!.answer
      if (moving.has(tag)) return assert.strictEqual(answer.kind, "moved")
      if (answer.kind !== "failed") return assert.fail(JSON.stringify(read))
      assert.instanceOf(answer.error, error)
      assert.deepStrictEqual<unknown>({ ...answer.error }, { ...failure })
      assert.strictEqual(answer.error.message, failure.message)
    })
    fc.assert(property, { numRuns: 20 })
  })

  it("bring results and defects back", () => {
    fc.assert(
      fc.property(results, fc.string(), (given, message) => {
        const expected = given.map(({ stream: _, ...row }) => row)
        assert.deepStrictEqual(answered(Exit.succeed(given))?.answer, { kind: "results", results: expected })
        assert.deepStrictEqual(answered(Exit.die(new Error(message)))?.answer, { kind: "defect", message })
        // An error that no append has is a defect, even if it is in the channel of errors.
        assert.deepStrictEqual(answered(Exit.fail(new Error(message) as never))?.answer, { kind: "defect", message })
      }),
      { numRuns: runs }
    )
    assert.deepStrictEqual(answered(Exit.failCause(Cause.interrupt(1)))?.answer, { kind: "moved" })
  })
})

describe("frames", () => {
  it("arrive whole and in order, however they are cut", () => {
    const texts = fc.array(fc.string({ minLength: 1, unit: "grapheme" }), { maxLength: 20 })
    fc.assert(
      fc.property(texts, fc.array(fc.nat(), { maxLength: 30 }), (given, cuts) => {
        const bytes = Buffer.concat(given.map(frameOf))
        const frames = new FrameReader()
        const read: Array<string> = []
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
        let at = 0
        for (const end of ends) {
          read.push(...frames.push(bytes.subarray(at, end))!)
          at = end
        }
        assert.deepStrictEqual(read, given)
      }),
      { numRuns: runs }
    )
  })

  it("are refused if they are too large, empty or not UTF-8, before anything else is kept of them", () => {
    const refused = (bytes: Uint8Array) => assert.isUndefined(new FrameReader().push(Buffer.from(bytes)))
    refused(frameOf("x".repeat(greetingBytesMax + 1)).subarray(0, 4))
    refused(Buffer.alloc(4))
    refused(Uint8Array.of(1, 0, 0, 0, 0xff))
    refused(Buffer.from("GET / HTTP/1.1\r\n\r\n"))
    assert.deepStrictEqual(new FrameReader().push(frameOf("x".repeat(greetingBytesMax))), [
      "x".repeat(greetingBytesMax)
    ])
  })
})

describe("foreign texts", () => {
  const parts = fc.constantFrom("number", "isAgain", "isOne", "appends", "results", "error", "moved", "litetapes")
  const objects = fc.dictionary(parts, fc.jsonValue())
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc.jsonValue().map((one) => (typeof one === "object" ? "[object Object]" : String(one))),
    objects.map((one) => JSON.stringify(one))
  )

  it("never throw, and are neither greetings nor requests", () => {
    fc.assert(
      fc.property(texts, (text) => {
        readAnswer(text)
        assert.isUndefined(readCaller(text))
        assert.isUndefined(readWriter(text))
        const call = readRequest(text)
        // What is taken for a request has its parts; the appender checks the values in them.
        if (call !== undefined) assert.isTrue(Array.isArray(call.appends) && Number.isSafeInteger(call.number))
      }),
      { numRuns: runs * 5 }
    )
  })
})
