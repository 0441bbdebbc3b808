import { assert, describe, it, afterAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type { Ask, Reply } from "../../../../src/layers/sealing/sealMessages.ts"
import { defaultWorth, SealThread, type StartThread } from "../../../../src/layers/sealing/SealThread.ts"
import { type SealedSegment, SegmentSeal } from "../../../../src/domain/segment/SegmentSeal.ts"
import * as fc from "fast-check"
import { crc32 } from "node:zlib"
import { startSealThread } from "../../../../src/layers/sealing/startSealThread.ts"
import { DynamicEvents } from "../../../../src/services/journal/DynamicEvents.ts"
import type { DynamicFile, LivePart } from "../../../../src/services/journal/DynamicFile.ts"
import { RowsWriter } from "../../../../src/services/journal/RowsWriter.ts"
import { runs } from "../../../support/runs.ts"

const MiB = 1024 * 1024

/** A fake thread that answers when the test says so. */
const ground = () => {
  const asks: Array<Ask> = []
  const state = { started: 0, ended: 0, held: false }
  let hear: (reply: Reply) => void = () => {}
  let die: () => void = () => {}
  const start: StartThread = (onReply, onEnd) => {
    state.started++
    hear = onReply
    die = onEnd
    return {
      postMessage: (ask) => void asks.push(ask),
      hold: (held) => void (state.held = held),
      end: async () => void state.ended++
    }
  }
  const took = (ask: Ask): void => {
    if (ask.kind === "add") hear({ kind: "added", job: ask.job, bytes: ask.bytes })
  }
  return { asks, state, start, took, hear: (reply: Reply) => hear(reply), die: () => die() }
}

const begin = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })
const kinds = (asks: ReadonlyArray<Ask>) => asks.map(({ kind }) => kind)
const lines = [Buffer.from('{"n":1}\n{"n":2}\n'), Buffer.from('{"n":3}\n')]
const always = { ...defaultWorth, bytesMin: 0, startBytesMin: 0 }

const sealed: SealedSegment = {
  bytes: 24,
  rawBytes: 24,
  records: 3,
  sha256: "",
  merkle: { size: 0, peaks: [] },
  index: new Uint8Array()
}

/** A part of a dynamic segment: its lines, and what its file knows about them. */
interface Part {
  readonly events: DynamicEvents
  readonly part: LivePart
  readonly lines: Buffer
}

/** Runs an effect, and returns what it logged. */
const warningsOf = <A>(effect: Effect.Effect<A>) =>
  Effect.suspend(() => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => void warnings.push(String(message)))
    return effect.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.map((result) => [result, warnings] as const)
    )
  })

/** Returns events of these streams in parts, in one file after the other; every third part belongs to another tape. */
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

/** Groups parts of a file that are read with one call, some at a time. */
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

describe("a thread that seals segments", () => {
  it.live("is started only for a large segment, and from then on used for small ones too", () =>
    Effect.gen(function* () {
      const { start, state } = ground()
      const place = new SealThread(start)
      const { bytesMax, bytesMin, startBytesMin } = defaultWorth
      assert.isUndefined(place.begin(startBytesMin - 1, "records", undefined))
      assert.strictEqual(state.started, 0)
      assert.isDefined(place.begin(startBytesMin, "records", undefined))
      assert.isDefined(place.begin(bytesMin, "records", undefined))
      assert.isUndefined(place.begin(bytesMin - 1, "records", undefined))
      assert.isDefined(place.begin(bytesMax, "records", undefined))
      assert.isUndefined(place.begin(bytesMax + 1, "records", undefined))
      assert.strictEqual(state.started, 1)
      yield* place.end
      assert.strictEqual(state.ended, 1)
      assert.isUndefined(place.begin(64 * MiB, "records", undefined))
    })
  )

  it.live("receives copies of the lines, at most two pieces ahead, in memory that is reused", () =>
    Effect.gen(function* () {
      const { asks, start, took } = ground()
      const job = new SealThread(start, always).begin(1, "records", undefined)!
      yield* job.add(lines, undefined)
      yield* job.add([lines[1]!], undefined)
      const third = yield* begin(job.add(lines, undefined))
      assert.deepStrictEqual(kinds(asks), ["begin", "add", "add"])
      const [, first] = asks as [Ask, Extract<Ask, { kind: "add" }>]
      assert.strictEqual(Buffer.from(first.bytes).toString("utf8", 0, first.length), '{"n":1}\n{"n":2}\n{"n":3}\n')
      took(first)
      yield* Fiber.join(third)
      const again = asks.at(-1) as Extract<Ask, { kind: "add" }>
      assert.strictEqual(again.bytes, first.bytes)
    })
  )

  it.live("keeps the process alive while somebody waits for it", () =>
    Effect.gen(function* () {
      const { hear, start, state } = ground()
      const place = new SealThread(start, always)
      const [one, other] = [place.begin(1, "records", undefined)!, place.begin(1, "events", undefined)!]
      assert.isTrue(state.held)
      const finished = yield* begin(one.finish)
      hear({ kind: "finished", job: 1, sealed })
      assert.strictEqual(yield* Fiber.join(finished), sealed)
      assert.isTrue(state.held)
      yield* other.drop
      assert.isFalse(state.held)
      // The answer to an earlier request arrives, but nobody wants it any more.
      hear({ kind: "finished", job: 2, sealed })
      assert.isUndefined(yield* other.finish)
    })
  )

  it.live("leaves no caller waiting when it ends, returns no result, and is not started again", () =>
    Effect.gen(function* () {
      const { die, start, state } = ground()
      const place = new SealThread(start, always)
      const [adding, finishing] = [place.begin(1, "records", undefined)!, place.begin(1, "records", undefined)!]
      for (const _ of [1, 2]) yield* adding.add(lines, undefined)
      const third = yield* begin(adding.add(lines, undefined))
      const finished = yield* begin(finishing.finish)
      die()
      yield* Fiber.join(third)
      assert.isUndefined(yield* Fiber.join(finished))
      yield* adding.add(lines, undefined)
      assert.isUndefined(yield* adding.finish)
      assert.isFalse(state.held)
      yield* adding.drop
      assert.isUndefined(place.begin(64 * MiB, "records", undefined))
      assert.strictEqual(state.started, 1)
    })
  )

  it.live("has no result if it cannot be started, and one warning says why", () =>
    Effect.gen(function* () {
      const refused: StartThread = () => {
        throw new Error("no threads here")
      }
      const place = new SealThread(refused, always)
      const job = place.begin(1, "records", undefined)!
      yield* job.add(lines, undefined)
      const [result, warnings] = yield* warningsOf(job.finish)
      assert.isUndefined(result)
      assert.lengthOf(warnings, 1)
      assert.include(warnings[0], "is not available: no threads here. The event loop hashes them instead")
      assert.deepStrictEqual(yield* warningsOf(job.finish), [undefined, []])
      assert.isUndefined(place.begin(1, "records", undefined))
    })
  )

  it.live("is missed in one warning if it dies, and in none if the lib closes", () =>
    Effect.gen(function* () {
      const dying = ground()
      const place = new SealThread(dying.start, always)
      const [one, other] = [place.begin(1, "records", undefined)!, place.begin(1, "records", undefined)!]
      dying.die()
      assert.lengthOf((yield* warningsOf(one.finish))[1], 1)
      assert.deepStrictEqual(yield* warningsOf(other.finish), [undefined, []])
      const closed = new SealThread(ground().start, always)
      const last = closed.begin(1, "records", undefined)!
      yield* closed.end
      assert.deepStrictEqual(yield* warningsOf(last.finish), [undefined, []])
    })
  )
})

describe("a segment that is sealed in a thread", () => {
  it("equals one that is sealed on the event loop, even if several are sealed concurrently", async () => {
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

  it("has no result if the rows do not match the lines, and the next segment still has one", async () => {
    const parts = partsOf([[[1, 2, 1]]])
    assert.isUndefined(await Effect.runPromise(sealThere(place, "events", parts, true)))
    assert.deepStrictEqual(await Effect.runPromise(sealThere(place, "events", parts)), sealHere("events", parts))
  })
})
