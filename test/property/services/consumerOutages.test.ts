/**
 * However often the disk breaks, at whatever step and however long: a consumer over a lib that opens itself again answers each
 * event exactly once, in order within its stream, and no event counts as poison.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as EventStore from "litetapes/EventStore"
import { SimulatedDisk } from "litetapes/testing"
import { assert, describe, it } from "vitest"
import { type Options, runConsumer, type Store } from "../../support/consumers.ts"
import { settle } from "../../support/openLib.ts"
import { FaultyDisk } from "../../support/reopening.ts"
import { runs } from "../../support/runs.ts"

const plan = fc.record({
  /** Events that are appended one after the other, by stream. */
  events: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 8 }),
  partitions: fc.integer({ min: 1, max: 3 }),
  checkpointEvents: fc.integer({ min: 1, max: 4 }),
  /** The disk breaks so many steps after it was mended, and is mended so much later. */
  outages: fc.array(
    fc.record({
      after: fc.integer({ min: 0, max: 25 }),
      seconds: fc.constantFrom(0.25, 1, 5),
      fails: fc.constantFrom("everything" as const, "changes" as const, "once" as const),
      done: fc.constantFrom(0, 0.5, 1)
    }),
    { maxLength: 4 }
  ),
  turns: fc.integer({ min: 0, max: 3 }),
  /** An event of which the handler itself fails once. */
  failing: fc.nat(8)
})

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

class Breaking {
  readonly #left: Array<Plan["outages"][number]>
  #steps = 0
  /** Milliseconds until the disk is mended. */
  #millis = 0

  constructor(outages: Plan["outages"]) {
    this.#left = [...outages]
  }

  readonly fault = (step: SimulatedDisk.Step): SimulatedDisk.Fault | undefined => {
    const [outage] = this.#left
    if (outage === undefined || this.#steps++ < outage.after) return undefined
    const isBroken = this.#millis > 0
    if (outage.fails !== "everything" && !SimulatedDisk.isChange(step)) return undefined
    if (!isBroken) this.#millis = outage.seconds * 1000
    if (outage.fails === "once") this.mend()
    const isLock = step.operation === "lock"
    return { code: isLock ? "ELOCKED" : "EIO", done: isBroken || isLock ? 0 : outage.done }
  }

  mend(): void {
    this.#left.shift()
    this.#steps = 0
    this.#millis = 0
  }

  /** Lets time go by. */
  passed(millis: number): void {
    if (this.#millis === 0) return
    this.#millis -= millis
    if (this.#millis <= 0) this.mend()
  }
}

const ask = (store: Store, events: Plan["events"]) =>
  Effect.forEach(
    events,
    (stream, n) =>
      Effect.retry(
        store.append(`question-${stream}`, [{ type: "Asked", id: `asked-${n}`, data: {} }]),
        Schedule.spaced("300 millis")
      ),
    { discard: true }
  )

const run = ({ checkpointEvents, events, failing, outages, partitions, turns }: Plan) => {
  const breaking = new Breaking(outages)
  const disk = new FaultyDisk({ turns: () => turns })
  const logged: Array<string> = []
  const log = Logger.make(({ logLevel, message }) => logged.push(`${logLevel}: ${String(message)}`))
  const pass = (isOver: () => boolean) =>
    Effect.gen(function* () {
      for (let tries = 0; !isOver(); tries++) {
        assert.isBelow(tries, 2000, "it never ends")
        yield* settle
        yield* TestClock.adjust("250 millis")
        breaking.passed(250)
      }
    })
  const program = Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const checkpoints = yield* Effect.provideService(CheckpointStore.makeLib, EventStore.EventStore, store)
    let failures = 0
    const handler: Options["handler"] = ({ id, position, stream }, handling) =>
      id === `asked-${failing}` && failures++ === 0
        ? Effect.fail("once")
        : store.append(`answer-${stream}`, [{ type: "Answered", data: { position } }], {
            checkpoint: handling.checkpoint
          })
    const filter = { types: ["Asked"] }
    const checkpoint = { events: checkpointEvents }
    const consumer = { name: "answers", filter, handler, partitions, checkpoint, maxAttempts: 2 }
    const { close, running } = yield* runConsumer(store, checkpoints, consumer)
    disk.fault = breaking.fault
    const asking = yield* Effect.forkChild(ask(store, events))
    yield* pass(() => asking.pollUnsafe() !== undefined)
    yield* Fiber.join(asking)
    const last = (yield* store.position) - 1
    const answering = yield* Effect.forkChild(running.whenProcessed(last))
    yield* pass(() => answering.pollUnsafe() !== undefined)
    yield* Fiber.join(answering)
    // What is left of the plan must not spoil the look at the outcome.
    disk.fault = () => undefined
    const opened = yield* Effect.forkChild(Effect.retry(store.lib.reopen, Schedule.spaced("1 second")))
    yield* pass(() => opened.pollUnsafe() !== undefined)
    const all = yield* Stream.runCollect(store.readAll())
    for (const stream of [0, 1, 2]) {
      const questions = all.filter((event) => event.stream === `question-${stream}`).map(({ position }) => position)
      const answers = all.filter((event) => event.stream === `answer-question-${stream}`)
      assert.deepStrictEqual(
        answers.map(({ data }) => (data as { readonly position: number }).position),
        questions
      )
    }
    yield* close
    assert.strictEqual((yield* running.status).error, undefined)
    assert.deepStrictEqual(
      logged.filter((line) => line.startsWith("Error") || line.includes("skipped")),
      []
    )
    assert.deepStrictEqual(disk.unlocked, [])
  })
  return Effect.scoped(program).pipe(
    Effect.provide(disk.layer({ reopen: true })),
    Effect.provide(Logger.layer([log])),
    Effect.provide(TestClock.layer())
  )
}

describe("a consumer over a disk that breaks again and again", () => {
  it("answers each event once", () =>
    fc.assert(
      fc.asyncProperty(plan, (given) => Effect.runPromise(run(given))),
      { numRuns: Math.ceil(runs / 5) }
    ))
})
