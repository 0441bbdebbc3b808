/**
 * An import of lines, and of the export of the lib that they were imported into, gives a lib whose export has the same lines:
 * however the input is cut into pieces, whatever the size of batches, and although a part of it was imported before.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as TaraSON from "litetapes/TaraSON"
import { assert, describe, it } from "vitest"
import { generators } from "../../support/arbitraries.ts"
import { eventsOf, exported, imported, importedBytes, newStore } from "../../support/interchange.ts"
import { runs } from "../../support/runs.ts"

const given = fc.record({
  stream: fc.constantFrom("order-1", "order-2", "bill-é/%-1", "note"),
  type: fc.constantFrom("Placed", "Paid", 'with "quotes"'),
  data: generators.json,
  metadata: fc.dictionary(fc.constantFrom("correlationId", "causationId", "a", "cloudevents"), generators.json),
  tags: fc.subarray(["web", "course:17", '"\\', "é"]),
  /** With another offset than UTC in the line. */
  time: fc.date({ min: new Date(0), max: new Date("9999-12-30"), noInvalidDate: true })
})

type Given = typeof given extends fc.Arbitrary<infer A> ? A : never

const later = (time: Date): string => new Date(time.getTime() + 90 * 60_000).toISOString().replace("Z", "+01:30")

/** Returns the line to import, and the one that an export must have. */
const linesOf = (events: ReadonlyArray<Given>) => {
  const revisions = new Map<string, number>()
  return events.map(({ time, type, ...rest }, position) => {
    const revision = revisions.get(rest.stream) ?? 0
    revisions.set(rest.stream, revision + 1)
    const event = { $type: type, id: `id-${position}`, ...rest }
    const isLate = time.getTime() > Date.UTC(9999, 0)
    return {
      before: JSON.stringify({ ...event, time: isLate ? time.toISOString() : later(time) }),
      after: TaraSON.encodeValue({ ...event, time: time.toISOString(), position, revision })
    }
  })
}

const cut = (bytes: Uint8Array, sizes: ReadonlyArray<number>): Array<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  let at = 0
  for (let n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length]!
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

/** Tells the lib of a CloudEvent from others. */
const withoutLib = (line: string): string =>
  line.replace(/"source":"litetapes:[0-9a-f-]+\//, '"source":"litetapes:lib/')

describe("import and export", () => {
  it("keep everything, and repeat nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(given, { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(12),
        async (events, sizes, batchEvents, doneBefore) => {
          const program = Effect.gen(function* () {
            const lines = linesOf(events)
            const expected = lines.map(({ after }) => after)
            const one = yield* newStore
            const before = lines.map((line) => line.before)
            yield* imported(one, before.slice(0, doneBefore), { batchEvents: 3 })
            const bytes = Buffer.from(before.join("\n"))
            const report = yield* importedBytes(one, cut(bytes, sizes), { batchEvents, revisions: "renumber" })
            const repeated = Math.min(doneBefore, events.length)
            assert.deepStrictEqual([report.appended, report.repeated], [events.length - repeated, repeated])
            assert.deepStrictEqual(yield* exported(one), expected)

            const cloudEvents = yield* exported(one, { format: "cloudevents" })
            const two = yield* newStore
            yield* imported(two, cloudEvents, { format: "cloudevents", batchEvents, revisions: "check" })
            assert.deepStrictEqual(yield* exported(two), expected)
            const again = yield* exported(two, { format: "cloudevents" })
            assert.deepStrictEqual(again.map(withoutLib), cloudEvents.map(withoutLib))

            const three = yield* newStore
            yield* imported(three, expected, { revisions: "check" })
            assert.deepStrictEqual(yield* eventsOf(three), yield* eventsOf(one))
          })
          await Effect.runPromise(Effect.scoped(program))
        }
      ),
      { numRuns: Math.ceil(runs / 5) }
    )
  })
})
