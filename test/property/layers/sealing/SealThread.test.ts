import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { afterAll, assert, describe, it } from "vitest"
import { crc32 } from "node:zlib"
import { SegmentSeal } from "../../../../src/domain/segment/SegmentSeal.ts"
import { defaultWorth, SealThread } from "../../../../src/layers/sealing/SealThread.ts"
import { startSealThread } from "../../../../src/layers/sealing/startSealThread.ts"
import { DynamicEvents } from "../../../../src/services/journal/DynamicEvents.ts"
import type { DynamicFile, LivePart } from "../../../../src/services/journal/DynamicFile.ts"
import { RowsWriter } from "../../../../src/services/journal/RowsWriter.ts"
import { runs } from "../../../support/runs.ts"

/** A part of a dynamic segment: its lines, and what its file knows of them. */
interface Part {
  readonly events: DynamicEvents
  readonly part: LivePart
  readonly lines: Buffer
}

/** Events of these streams in parts, in files one behind the other; every third part is another tape's. */
const partsOf = (files: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>): Array<Part> => {
  const next = new Map<string, number>()
  let position = 0
  return files.flatMap((parts) => {
    const events = new DynamicEvents()
    let offset = 100
    return parts.flatMap((streams, nth) => {
      const first = offset
      const lines = streams.map((number) => {
        const stream = nth % 3 === 2 ? `other-${number}` : `order-${number}`
        const revision = next.get(stream) ?? 0
        next.set(stream, revision + 1)
        const line = Buffer.from(`{"n":${position},"of":"${stream}"}`)
        events.add({ stream, revision, position, idHash: position * 7, offset, length: line.length, crc: crc32(line) })
        position++
        offset += line.length + 1
        return `${line.toString()}\n`
      })
      const bytes = Buffer.from(lines.join(""))
      const file = { events } as DynamicFile
      const place = { file, batch: nth, firstOrdinal: 0, endPosition: position }
      const part = { ...place, count: streams.length, offset: first, bytes: bytes.length, crc: crc32(bytes) }
      return nth % 3 === 2 ? [] : [{ events, part, lines: bytes }]
    })
  })
}

/** Parts of a file that are read with one call: some at a time. */
const runsOf = (parts: ReadonlyArray<Part>): Array<Array<Part>> => {
  const all: Array<Array<Part>> = []
  for (const one of parts) {
    const run = all.at(-1)
    if (run !== undefined && run.length < 3 && run[0]!.events === one.events) run.push(one)
    else all.push([one])
  }
  return all
}

const sealHere = (role: "events" | "records", parts: ReadonlyArray<Part>) => {
  const seal = new SegmentSeal(role)
  for (const { events, lines, part } of parts) {
    const first = events.rowAt(part.offset)
    seal.add(lines, role === "events" ? (n) => events.row(first + n) : undefined)
  }
  return seal.finish()
}

const sealThere = (place: SealThread, role: "events" | "records", parts: ReadonlyArray<Part>, spoil = false) =>
  Effect.gen(function* () {
    const job = place.begin(1, role, undefined)!
    const writer = new RowsWriter()
    for (const run of runsOf(parts)) {
      const rows = writer.write(
        run[0]!.events,
        run.map(({ part }) => part)
      )
      if (spoil) rows.numbers[1]! ^= 1
      yield* job.add(
        run.map(({ lines }) => lines),
        role === "events" ? rows : undefined
      )
    }
    return yield* job.finish
  })

const place = new SealThread(startSealThread, { ...defaultWorth, bytesMin: 0, startBytesMin: 0 })
afterAll(() => Effect.runPromise(place.end))

const streams = fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 40 })
const files = fc.array(fc.array(streams, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 })

describe("a segment that is sealed in a thread", () => {
  it("is what it is when it is sealed on the event loop, some of them at once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom("events", "records"), files), { maxLength: 4 }),
        async (all) => {
          const wanted = all.map(([role, its]) => [role, partsOf(its)] as const)
          const sealed = await Effect.runPromise(
            Effect.forEach(wanted, ([role, parts]) => sealThere(place, role, parts), { concurrency: "unbounded" })
          )
          assert.deepStrictEqual(
            sealed,
            wanted.map(([role, parts]) => sealHere(role, parts))
          )
        }
      ),
      { numRuns: runs }
    )
  })

  it("is not found out where rows are not those of the lines, and the next one is all the same", async () => {
    const parts = partsOf([[[1, 2, 1]]])
    assert.isUndefined(await Effect.runPromise(sealThere(place, "events", parts, true)))
    assert.deepStrictEqual(await Effect.runPromise(sealThere(place, "events", parts)), sealHere("events", parts))
  })
})
