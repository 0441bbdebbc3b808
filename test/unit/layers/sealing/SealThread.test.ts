import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Ask, Reply } from "../../../../src/layers/sealing/sealMessages.ts"
import { defaultWorth, SealThread, type StartThread } from "../../../../src/layers/sealing/SealThread.ts"
import type { SealedSegment } from "../../../../src/domain/segment/SegmentSeal.ts"

const MiB = 1024 * 1024

/** A thread that a test holds in its hands: it answers when it is told to. */
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

describe("a thread that seals segments", () => {
  it.live("is started for a large segment alone, and used for small ones from then on", () =>
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

  it.live("is given copies of the lines, two pieces ahead and no more, in memory that is used again", () =>
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

  it.live("keeps the process from ending for as long as somebody waits for it", () =>
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
      // What was asked before is answered, and nobody's any more.
      hear({ kind: "finished", job: 2, sealed })
      assert.isUndefined(yield* other.finish)
    })
  )

  it.live("that ends leaves nobody waiting, finds nothing, and is not started again", () =>
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

  it("that cannot be started is no thread", () => {
    const refused: StartThread = () => {
      throw new Error("no threads here")
    }
    const place = new SealThread(refused, always)
    assert.isUndefined(place.begin(1, "records", undefined))
    assert.isUndefined(place.begin(1, "records", undefined))
  })
})
