/** Consumers that hang, or have left events aside: what they say of themselves. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as CheckpointStore from "litetapes/CheckpointStore"
import type * as Consumer from "litetapes/Consumer"
import { assert, describe } from "vitest"
import { type Checkpoints, made, openStore, type Options, quiet, start, type Store } from "../support/consumers.ts"
import { settle, tagOf } from "../support/openLib.ts"

const gauge = (consumer: string, name: string) =>
  Effect.map(Metric.snapshot, (all) => {
    const its = all.find(
      ({ attributes, id }) => attributes?.["consumer"] === consumer && id === `litetapes_consumer_${name}`
    )
    return its !== undefined && "value" in its.state ? its.state.value : undefined
  })

describe("a consumer says", () => {
  it.effect("how old its oldest parked event is, though nothing happens any more", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* store.append("order-1", [...made, ...made])
      const handler = () => Effect.fail("no")
      const options = { name: "parking", handler, maxAttempts: 1, onPoison: "park" } as const
      const { running } = yield* start(store, yield* CheckpointStore.makeMemory, options)
      assert.strictEqual((yield* running.status).oldestParkedAge, undefined)
      yield* running.whenCaughtUp
      yield* TestClock.adjust("10 minutes")
      // A replay that fails parks it no later.
      assert.strictEqual(yield* tagOf(running.replay(0)), "HandlerFailed")
      assert.strictEqual((yield* running.status).oldestParkedAge, 600_000)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* gauge("parking", "oldest_parked_age"), 1_200_000)
      yield* running.drop(0)
      yield* running.drop(1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* gauge("parking", "oldest_parked_age"), 0)
    }).pipe(Effect.provide(quiet))
  )
})

describe("a consumer that stalls says so in its status, in a metric and in the log", () => {
  /** Runs with a log of warnings, and returns what is said after some minutes. */
  const stalling = <E>(
    name: string,
    given: Partial<Options>,
    stall: (parts: { readonly store: Store; readonly running: Consumer.Running }) => Effect.Effect<unknown, E>,
    end: Effect.Effect<unknown>,
    made: Effect.Effect<Checkpoints> = CheckpointStore.makeMemory,
    says: (store: Store) => Store = (store) => store
  ) => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      lines.push(`${logLevel} ${String(message)}`)
    })
    return Effect.gen(function* () {
      const { store } = yield* openStore
      const { running } = yield* start(says(store), yield* made, { name, stallAfter: "30 seconds", ...given })
      yield* settle
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* running.status, { state: "running" })
      assert.deepStrictEqual([lines, yield* gauge(name, "stalled")], [[], 0])
      yield* stall({ store, running })
      yield* settle
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual([lines, yield* gauge(name, "stalled")], [[], 0])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* running.status).state, "stalled")
      assert.strictEqual(yield* gauge(name, "stalled"), 1)
      yield* TestClock.adjust("1 hour")
      const said = [...lines]
      yield* end
      yield* settle
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual((yield* running.status).state, "running")
      assert.strictEqual(yield* gauge(name, "stalled"), 0)
      assert.deepStrictEqual(lines, [...said, `Info litetapes: a consumer is stalled no more. ${name}`])
      return said
    }).pipe(Effect.provide(Logger.layer([logger])))
  }
  const released = () => {
    const release = Deferred.makeUnsafe<void>()
    return { wait: Deferred.await(release), end: Deferred.succeed(release, undefined) }
  }

  it.effect("if the handler hangs, also in one partition only", () =>
    Effect.gen(function* () {
      const { end, wait } = released()
      const handler: Options["handler"] = ({ stream }) => (stream === "order-1" ? wait : Effect.void)
      const lines = yield* stalling(
        "hanging",
        { handler, partitions: 8 },
        ({ store }) =>
          Effect.gen(function* () {
            yield* store.append("order-1", made)
            for (let n = 2; n < 9; n++) yield* store.append(`order-${n}`, made)
          }),
        end
      )
      const [line = "", ...others] = lines
      assert.deepStrictEqual(others, [], "it is said once")
      assert.match(
        line,
        /^Warn .*stalled\. hanging: the handler is at event 0 of stream "order-1" since 1970-01-01T01:00/
      )
    })
  )

  it.effect("if its checkpoint cannot be written, because the store does not answer", () =>
    Effect.gen(function* () {
      const { end, wait } = released()
      const slow = Effect.map(CheckpointStore.makeMemory, (memory): Checkpoints => ({
        claim: (consumer, onClaimed) =>
          Effect.map(memory.claim(consumer, onClaimed), (entries) => ({
            ...entries,
            set: (key, text) => Effect.andThen(text.includes('"low":0') ? Effect.void : wait, entries.set(key, text))
          }))
      }))
      const stall = ({ store }: { readonly store: Store }) => store.append("order-1", made)
      const lines = yield* stalling("writing", { checkpoint: { events: 1 } }, stall, end, slow)
      assert.match(lines.join("\n"), /^Warn .*stalled\. writing: it writes its checkpoint since .*kept\.$/)
    })
  )

  it.effect("if a read hangs", () =>
    Effect.gen(function* () {
      const { end, wait } = released()
      let hangs = false
      const hanging = (store: Store): Store => ({
        ...store,
        subscribeBatches: (options) =>
          Stream.mapEffect(store.subscribeBatches(options), (batch) => Effect.as(hangs ? wait : Effect.void, batch))
      })
      const stall = ({ store }: { readonly store: Store }) => {
        hangs = true
        return store.append("order-1", made)
      }
      const lines = yield* stalling("reading", {}, stall, end, CheckpointStore.makeMemory, hanging)
      assert.match(lines.join("\n"), /^Warn .*stalled\. reading: it has read nothing since .*lib\.$/)
    })
  )
})
