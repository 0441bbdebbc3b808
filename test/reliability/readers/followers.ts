/**
 * Subscriptions of one reader that live longer than all the writers: to all events, and to one stream. Each must get
 * every event once and in order.
 */
import * as assert from "node:assert"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import { streams } from "./streams.ts"

/** The longest time that an acknowledged event may take: far more than the interval at which a follower looks. */
const patienceMillis = 10_000

export class Followers {
  readonly #store: EventStore.EventStore["Service"]
  readonly #last = new Map<string, number>()
  #position = 0
  #revision = 0
  readonly #fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  /** The first failure. */
  #failure: unknown

  constructor(store: EventStore.EventStore["Service"]) {
    this.#store = store
  }

  /** Number of events that the subscription to all of them got. */
  get followed(): number {
    return this.#position
  }

  readonly start = Effect.gen({ self: this }, function* () {
    const all = Stream.runForEach(this.#store.subscribe(), (event) =>
      Effect.sync(() => {
        assert.strictEqual(event.position, this.#position++, "position of a followed event")
        assert.strictEqual(event.revision, (this.#last.get(event.stream) ?? -1) + 1, `revision of ${event.stream}`)
        assert.strictEqual((event.data as { readonly at: number }).at, event.revision, `data of ${event.stream}`)
        this.#last.set(event.stream, event.revision)
      })
    )
    const one = Stream.runForEach(this.#store.subscribeToStream(streams[0]!), (event) =>
      Effect.sync(() => assert.strictEqual(event.revision, this.#revision++, "revision of the followed stream"))
    )
    const both: ReadonlyArray<Effect.Effect<void, unknown>> = [all, one]
    for (const follow of both) {
      const noted = Effect.catchCause(follow, (cause) =>
        Effect.sync(() => {
          this.#failure ??= cause
        })
      )
      this.#fibers.push(yield* Effect.forkScoped(noted))
    }
  })

  /** Fails if a subscription has ended. */
  readonly check = Effect.suspend(() =>
    this.#failure === undefined ? Effect.void : Effect.fail(new Error(`a subscription ended: ${String(this.#failure)}`))
  )

  /** Waits until everything that was acknowledged has been followed, and ends. */
  readonly finish = Effect.fnUntraced(
    { self: this },
    function* (this: Followers, acknowledged: ReadonlyMap<string, number>) {
      const missing = (): Array<string> =>
        [...acknowledged].flatMap(([stream, revision]) => {
          const seen = this.#last.get(stream) ?? -1
          const own = stream === streams[0] ? this.#revision - 1 : seen
          return Math.min(seen, own) < revision ? [`${stream} ${revision}, followed up to ${Math.min(seen, own)}`] : []
        })
      const end = performance.now() + patienceMillis
      while (missing().length > 0 && performance.now() < end) {
        yield* this.check
        yield* Effect.sleep(20)
      }
      yield* this.check
      assert.deepStrictEqual(missing(), [], "acknowledged events that were not followed")
      for (const fiber of this.#fibers) yield* Fiber.interrupt(fiber)
    }
  )
}
