/**
 * Whatever happens to a lib meanwhile, and however slowly it reads, a subscription gives exactly the matching events,
 * each once and in order: those that were there, then those that are appended.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { existingTape, openSession, type Session, storeOf, type StorageService } from "../../support/openLib.ts"
import { runs } from "../../support/runs.ts"

type Event = EventStore.RecordedEvent

const streams = ["order-1", "order-2", "bill-1", "note"]
const types = ["Made", "Paid"]

const op = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant("append" as const),
      stream: fc.constantFrom(...streams),
      types: fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 4 })
    })
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom("flush" as const, "repack" as const, "archive" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("restart" as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("subscribe" as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("wait" as const), turns: fc.integer({ min: 1, max: 30 }) }) }
)

type Op = typeof op extends fc.Arbitrary<infer A> ? A : never

const wish = fc.record({
  isReader: fc.boolean(),
  /** One stream, or all of them. */
  stream: fc.option(fc.constantFrom(...streams)),
  from: fc.oneof(fc.constantFrom("start" as const, "end" as const), fc.nat(6)),
  types: fc.option(fc.constantFrom<ReadonlyArray<string>>(["Made"], ["Paid"], ["Made", "Paid"], ["Lost"])),
  categories: fc.option(fc.constantFrom<ReadonlyArray<string>>(["order"], ["bill", "order"])),
  /** Turns of other fibres between two events. */
  turns: fc.nat(5)
})

type Wish = typeof wish extends fc.Arbitrary<infer A> ? A : never

const plan = fc.record({
  ops: fc.array(op, { minLength: 1, maxLength: 24 }),
  wishes: fc.array(wish, { minLength: 1, maxLength: 4 }),
  closeBytes: fc.constantFrom(400, 1200, 1 << 20)
})

/** A subscription and what it gave. */
class Follower {
  readonly seen: Array<Event> = []
  readonly wish: Wish
  readonly #first: number
  /** Position that the last batch ended before. */
  next = 0
  #fiber: Fiber.Fiber<unknown, unknown> | undefined

  constructor(wish: Wish, all: ReadonlyArray<Event>) {
    this.wish = wish
    const place = wish.stream === null ? "position" : "revision"
    const there = all.filter((event) => wish.stream === null || event.stream === wish.stream)
    const last = there.at(-1)?.[place] ?? -1
    this.#first = wish.from === "start" ? 0 : wish.from === "end" ? last + 1 : Math.min(wish.from, last + 1)
  }

  expected(all: ReadonlyArray<Event>): ReadonlyArray<Event> {
    const { categories, stream, types: wanted } = this.wish
    if (stream !== null) return all.filter((event) => event.stream === stream && event.revision >= this.#first)
    return all.filter(
      (event) =>
        event.position >= this.#first &&
        (wanted === null || wanted.includes(event.type)) &&
        (categories === null || categories.includes(event.stream.split("-")[0]!))
    )
  }

  /** Begins, or continues after what it has seen. */
  readonly begin = Effect.fnUntraced(
    { self: this },
    function* (this: Follower, store: EventStore.EventStore["Service"]) {
      const { categories, stream, turns, types: wanted } = this.wish
      const last = this.seen.at(-1)
      const next = last === undefined ? this.#first : (stream === null ? last.position : last.revision) + 1
      const from = next === 0 ? ("start" as const) : { after: next - 1 }
      const filter = { ...(wanted === null ? {} : { types: wanted }), ...(categories === null ? {} : { categories }) }
      const pause = Effect.forEach(Array.from({ length: turns }), () => Effect.yieldNow, { discard: true })
      const take = (event: Event) =>
        Effect.andThen(
          pause,
          Effect.sync(() => this.seen.push(event))
        )
      if (stream !== null) {
        this.#fiber = yield* Effect.forkDetach(Stream.runForEach(store.subscribeToStream(stream, { from }), take))
        return yield* Effect.yieldNow
      }
      const begun = yield* Deferred.make<void, EventStore.SubscribeError>()
      const isFirst = last === undefined && this.wish.from === "end"
      const batches = store.subscribeBatches({ from: isFirst ? "end" : from, filter })
      const takeAll = (batch: EventStore.SubscriptionBatch) =>
        Effect.suspend(() => {
          const { end, events } = batch
          assert.isAtLeast(batch.next, this.next)
          assert.isAtMost(batch.next, end)
          for (const { position } of events) assert.isTrue(position >= this.next && position < batch.next)
          this.next = batch.next
          return Effect.andThen(Deferred.succeed(begun, undefined), Effect.forEach(events, take, { discard: true }))
        })
      const follow = Effect.onError(Stream.runForEach(batches, takeAll), (cause) => Deferred.failCause(begun, cause))
      this.#fiber = yield* Effect.forkDetach(follow)
      yield* Deferred.await(begun)
    }
  )

  /** Waits until it has ended because its lib was closed. */
  readonly closed = Effect.fnUntraced({ self: this }, function* (this: Follower) {
    const failure = yield* Effect.flip(Fiber.join(this.#fiber!))
    assert.strictEqual((failure as { readonly _tag: string })._tag, "LibClosed")
  })

  readonly end = Effect.suspend(() => (this.#fiber === undefined ? Effect.void : Fiber.interrupt(this.#fiber)))
}

class Run {
  readonly #storage: StorageService
  readonly #options: { readonly closeBytes: number }
  readonly all: Array<Event> = []
  readonly followers: Array<Follower> = []
  readonly #wishes: Array<Wish>
  #writer!: Session
  #reader!: Session

  constructor(storage: StorageService, { closeBytes, wishes }: typeof plan extends fc.Arbitrary<infer A> ? A : never) {
    this.#storage = storage
    this.#options = { closeBytes }
    this.#wishes = [...wishes]
  }

  readonly start = Effect.gen({ self: this }, function* () {
    this.#writer = yield* openSession(this.#storage, "lib", this.#options)
    this.#reader = yield* openSession(this.#storage, "lib", { mode: "read" })
    yield* this.#subscribe
  })

  readonly #subscribe = Effect.suspend(() => {
    const wish = this.#wishes.shift()
    if (wish === undefined) return Effect.void
    const follower = new Follower(wish, this.all)
    this.followers.push(follower)
    return Effect.flatMap(storeOf((wish.isReader ? this.#reader : this.#writer).lib), follower.begin)
  })

  readonly act = Effect.fnUntraced({ self: this }, function* (this: Run, act: Op) {
    const { lib } = this.#writer
    if (act.op === "append") {
      const store = yield* storeOf(lib)
      const data = act.types.map((type, n) => ({ type, data: { n } }))
      yield* store.append(act.stream, data)
      const events = yield* Stream.runCollect(store.readAll({ from: this.all.length }))
      this.all.push(...events)
    } else if (act.op === "restart") {
      yield* this.#restart
    } else if (act.op === "subscribe") {
      yield* this.#subscribe
    } else if (act.op === "wait") {
      yield* Effect.forEach(Array.from({ length: act.turns }), () => Effect.yieldNow, { discard: true })
    } else {
      for (const { name } of yield* lib.tapes) {
        const tape = yield* existingTape(lib, name)
        if (act.op === "flush") yield* tape.appendSegment
        else if (act.op === "repack") yield* tape.repack({ targetBytes: 2000 })
        else yield* Effect.andThen(lib.archive(name), lib.activate(name))
      }
    }
  })

  readonly #restart = Effect.gen({ self: this }, function* () {
    yield* this.#writer.close
    this.#writer = yield* openSession(this.#storage, "lib", this.#options)
    const store = yield* storeOf(this.#writer.lib)
    for (const follower of this.followers) {
      if (follower.wish.isReader) continue
      yield* follower.closed()
      yield* follower.begin(store)
    }
  })

  readonly finish = Effect.gen({ self: this }, function* () {
    for (const follower of this.followers) {
      const expected = follower.expected(this.all)
      const isBehind = () =>
        follower.seen.length < expected.length || (follower.wish.stream === null && follower.next < this.all.length)
      for (let looks = 0; looks < 400 && isBehind(); looks++) yield* Effect.sleep(5)
      if (follower.wish.stream === null) assert.strictEqual(follower.next, this.all.length)
      assert.deepStrictEqual(follower.seen, expected)
      yield* follower.end
      assert.deepStrictEqual(follower.seen, expected)
    }
    yield* this.#writer.close
    yield* this.#reader.close
  })
}

describe("a subscription", () => {
  it("gives exactly the matching events, once and in order", { timeout: 60_000 + 1000 * runs }, async () => {
    let given = 0
    const property = fc.asyncProperty(plan, (planned) =>
      Effect.gen(function* () {
        const run = new Run(yield* MemoryStorage.make, planned)
        yield* run.start
        for (const act of planned.ops) yield* run.act(act)
        yield* run.finish
        given += run.followers.reduce((sum, { seen }) => sum + seen.length, 0)
      }).pipe(Effect.provide(Logger.layer([])), Effect.runPromise)
    )
    await fc.assert(property, { numRuns: runs })
    if (runs >= 100) assert.isAbove(given, runs)
  })
})
