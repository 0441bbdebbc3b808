/**
 * Whenever the disk breaks, and however long: while the lib opens itself again a consumer waits for it, loses nothing, calls
 * no event poison, and continues from its checkpoint. A lib that does not open itself again ends it, and it says why.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import type { SimulatedDisk } from "litetapes/testing"
import { type Options, runConsumer, type Store } from "../support/consumers.ts"
import { settle } from "../support/openLib.ts"
import { FaultyDisk } from "../support/reopening.ts"

/** When the disk breaks. */
const moments = [
  "before the handler",
  "in the append of the handler",
  "in the write of the checkpoint",
  "while nothing is to do"
] as const
type Moment = (typeof moments)[number]

/** Which steps fail on a broken disk. */
const breakdowns: Readonly<Record<string, (step: SimulatedDisk.Step) => boolean>> = {
  "syncs fail": ({ operation }) => operation.endsWith("sync"),
  "everything fails": () => true
}

/** What the handler does, and where its checkpoint is kept. */
const kinds = {
  "the checkpoint in the append": { isExact: true, isInLib: true },
  "the checkpoint in the lib": { isExact: false, isInLib: true },
  "the checkpoint elsewhere": { isExact: false, isInLib: false }
} as const
type KindName = keyof typeof kinds

interface Case {
  readonly moment: Moment
  readonly breakdown: string
  readonly kind: KindName
  readonly seconds: number
}

const cases: ReadonlyArray<Case> = moments.flatMap((moment) =>
  Object.keys(breakdowns).flatMap((breakdown) =>
    (Object.keys(kinds) as ReadonlyArray<KindName>).flatMap((kind) =>
      [1, 5].map((seconds) => ({ moment, breakdown, kind, seconds }))
    )
  )
)

const services = Effect.all({ lib: Lib.Lib, store: EventStore.EventStore })

/** Lets time go by in small steps until something holds. */
const pass = (millis: number, isOver: () => boolean = () => false) =>
  Effect.gen(function* () {
    for (let passed = 0; passed < millis && !isOver(); passed += 250) {
      yield* TestClock.adjust("250 millis")
      yield* settle
    }
  })

class Shop {
  readonly disk = new FaultyDisk()
  readonly logged: Array<string> = []
  /** Positions of the questions for which the handler was called, and of those that it has answered. */
  readonly called: Array<number> = []
  readonly handled: Array<number> = []
  isBroken = false

  break(fails: (step: SimulatedDisk.Step) => boolean): void {
    this.isBroken = true
    this.disk.fault = (step) => (this.isBroken && fails(step) ? { code: "EIO" } : undefined)
  }

  with<A, E>(program: Effect.Effect<A, E, EventStore.EventStore | Lib.Lib | Scope.Scope>, options?: Lib.Options) {
    const log = Logger.make(({ logLevel, message }) => this.logged.push(`${logLevel}: ${String(message)}`))
    return Effect.provide(Effect.provide(program, this.disk.layer(options)), Logger.layer([log]))
  }

  start(store: Store, { kind, moment, breakdown }: Omit<Case, "seconds">, options: Partial<Options> = {}) {
    const { isExact, isInLib } = kinds[kind]
    return Effect.gen({ self: this }, function* () {
      const checkpoints = isInLib
        ? yield* Effect.provideService(CheckpointStore.makeLib, EventStore.EventStore, store)
        : yield* CheckpointStore.makeMemory
      const handler: Options["handler"] = ({ position, stream }, handling) =>
        Effect.suspend(() => {
          this.called.push(position)
          if (position === 1 && !this.isBroken && this.called.length === 2) {
            if (moment === "before the handler") this.break(breakdowns[breakdown]!)
            // The append has begun: its bytes are written, and then the disk breaks.
            if (moment === "in the append of the handler") {
              this.disk.fault = ({ operation }) => {
                if (operation === "datasync") this.break(breakdowns[breakdown]!)
                return operation === "datasync" ? { code: "EIO" } : undefined
              }
            }
          }
          const answer = [{ stream: `answer-${stream}`, events: [{ type: "Answered", data: { position } }] }]
          return Effect.tap(store.appendAll(answer, isExact ? { checkpoint: handling.checkpoint } : {}), () =>
            Effect.sync(() => this.handled.push(position))
          )
        })
      return yield* runConsumer(store, checkpoints, {
        name: "answers",
        filter: { types: ["Asked"] },
        onPoison: "stop",
        maxAttempts: 2,
        handler,
        ...options
      })
    })
  }
}

const ask = (store: Store, ...ids: ReadonlyArray<string>) =>
  Effect.forEach(ids, (id) => store.append("question-1", [{ type: "Asked", id, data: {} }]), { discard: true })

const answered = (store: Store) =>
  Effect.map(Stream.runCollect(store.readAll({ filter: { types: ["Answered"] } })), (events) =>
    events.map(({ data }) => (data as { readonly position: number }).position)
  )

const positionsOf = (store: Store) =>
  Effect.map(Stream.runCollect(store.readAll({ filter: { types: ["Asked"] } })), (events) =>
    events.map(({ position }) => position)
  )

const check = (given: Case) => {
  const { breakdown, kind, moment, seconds } = given
  const shop = new Shop()
  const program = Effect.gen(function* () {
    const { lib, store } = yield* services
    yield* ask(store, "a", "b", "c")
    const { close, running } = yield* shop.start(store, given)
    yield* Effect.repeat(settle, { until: () => shop.isBroken || shop.handled.length === 3, times: 20 })
    if (moment === "in the write of the checkpoint" || moment === "while nothing is to do") {
      assert.strictEqual(shop.handled.length, 3)
      if (moment === "while nothing is to do") yield* pass(1500)
      shop.break(breakdowns[breakdown]!)
    }
    // Somebody else wants to append meanwhile, and repeats that until it succeeds.
    const asking = yield* Effect.forkChild(Effect.retry(ask(store, "d"), Schedule.spaced("700 millis")))
    yield* pass(seconds * 1000)
    const { error, state } = yield* running.status
    assert.strictEqual(state, "waiting", String(error))
    assert.isDefined(error)
    shop.isBroken = false
    yield* pass(60_000, () => asking.pollUnsafe() !== undefined)
    yield* Fiber.join(asking)
    yield* ask(store, "e")
    const caughtUp = yield* Effect.forkChild(running.whenCaughtUp)
    yield* pass(60_000, () => caughtUp.pollUnsafe() !== undefined)
    yield* Fiber.join(caughtUp)
    yield* pass(1500)
    assert.deepInclude(yield* running.status, { state: "running", error: undefined, parked: 0, inFlight: 0 })
    const [answers, questions] = [yield* answered(store), yield* positionsOf(store)]
    assert.lengthOf(questions, 5)
    if (kinds[kind].isExact) assert.deepStrictEqual(answers, questions)
    // In order: an event is repeated only next to itself.
    else assert.deepStrictEqual([...new Set(answers)], questions)
    if (!kinds[kind].isExact)
      assert.deepStrictEqual(
        answers.toSorted((a, b) => a - b),
        answers
      )
    yield* close
    if (kinds[kind].isInLib) assert.deepInclude((yield* lib.checkpoints)[0], { low: yield* store.position, done: [] })
    assert.deepStrictEqual(
      shop.logged.filter((line) => line.includes("ERROR") || line.includes("Error: ")),
      []
    )
  })
  return shop.with(program, { reopen: true })
}

describe("a consumer over a lib that opens itself again", () => {
  for (const moment of moments) {
    it.effect(`continues after the disk broke ${moment}`, () =>
      Effect.forEach(
        cases.filter((given) => given.moment === moment),
        (given) =>
          Effect.catchCause(check(given), (cause) => Effect.die(`${JSON.stringify(given)}: ${Cause.pretty(cause)}`)),
        { discard: true }
      )
    )
  }
})

describe("a consumer while the disk is broken", () => {
  const given = { moment: "before the handler", breakdown: "everything fails" } as const
  /** The test breaks the disk itself. */
  const idle = { ...given, moment: "while nothing is to do" } as const

  for (const kind of Object.keys(kinds) as ReadonlyArray<KindName>) {
    it.effect(`ends at once with its scope: ${kind}`, () => {
      const shop = new Shop()
      const program = Effect.gen(function* () {
        const { store } = yield* services
        yield* ask(store, "a", "b", "c")
        const { close, running } = yield* shop.start(store, { ...given, kind })
        yield* pass(2000)
        assert.strictEqual((yield* running.status).state, "waiting")
        const closing = yield* Effect.forkChild(close)
        yield* settle
        assert.isDefined(closing.pollUnsafe())
        // The next run continues where this one was.
        shop.isBroken = false
        yield* pass(30_000, () => shop.disk.isLocked)
        yield* pass(1000)
        if (!kinds[kind].isInLib) return
        yield* shop.start(store, { ...given, kind })
        yield* pass(2000)
        const answers = yield* answered(store)
        assert.deepStrictEqual([...new Set(answers)], [0, 1, 2])
        if (kinds[kind].isExact) assert.lengthOf(answers, 3)
      })
      return shop.with(program, { reopen: true })
    })

    it.effect(`stops and says why if the lib does not open itself again, and leaves no event out: ${kind}`, () => {
      const shop = new Shop()
      const program = Effect.gen(function* () {
        const { store } = yield* services
        yield* ask(store, "a", "b", "c")
        const { running } = yield* shop.start(store, { ...given, kind }, { onPoison: "skip", maxAttempts: 1 })
        yield* pass(2000)
        const { error, position, state } = yield* running.status
        assert.strictEqual(state, "stopped")
        assert.match(String(error), /EIO/)
        assert.isAtMost(position, 1)
        assert.isFalse(shop.logged.some((line) => line.includes("skipped")))
      })
      return shop.with(program)
    })
  }

  it.effect.each([false, true])("begins once it can write where, or is given up before that: %s", (isGivenUp) => {
    const shop = new Shop()
    const program = Effect.gen(function* () {
      const { store } = yield* services
      yield* ask(store, "a", "b")
      shop.break(breakdowns["syncs fail"]!)
      const begin = shop.start(store, { ...idle, kind: "the checkpoint in the append" })
      const beginning = yield* Effect.forkChild(begin)
      yield* pass(2000)
      assert.isUndefined(beginning.pollUnsafe())
      if (isGivenUp) yield* Fiber.interrupt(beginning)
      shop.isBroken = false
      yield* pass(30_000, () => shop.disk.isLocked)
      yield* isGivenUp ? begin : Fiber.join(beginning)
      yield* pass(1000)
      assert.deepStrictEqual(yield* answered(store), [0, 1])
    })
    return shop.with(program, { reopen: true })
  })

  it.effect("is reset once it can be, and is not reset halfway if it is closed before", () => {
    const shop = new Shop()
    const kind = "the checkpoint in the append"
    const program = Effect.gen(function* () {
      const { lib, store } = yield* services
      yield* ask(store, "a", "b", "c")
      const one = yield* shop.start(store, { ...idle, kind })
      yield* pass(2000)
      shop.break(breakdowns["everything fails"]!)
      const first = yield* Effect.forkChild(one.running.reset({ after: 1 }))
      yield* pass(2000)
      assert.isUndefined(first.pollUnsafe())
      shop.isBroken = false
      yield* pass(30_000, () => first.pollUnsafe() !== undefined)
      yield* Fiber.join(first)
      yield* pass(1000)
      assert.deepStrictEqual(yield* answered(store), [0, 1, 2, 2])
      const before = (yield* lib.checkpoints)[0]!
      shop.break(breakdowns["everything fails"]!)
      const second = yield* Effect.forkChild(Effect.exit(one.running.reset("start")))
      yield* pass(2000)
      yield* one.close
      assert.isTrue(Exit.isFailure(yield* Fiber.join(second)))
      shop.isBroken = false
      yield* pass(30_000, () => shop.disk.isLocked)
      yield* lib.reopen
      // Whether a write is in effect that failed cannot be known: all of it or nothing.
      assert.include([before.low, 0], (yield* lib.checkpoints)[0]!.low)
      assert.deepStrictEqual((yield* lib.checkpoints)[0]!.done, [])
    })
    return shop.with(program, { reopen: true })
  })

  it.effect.each([true, false])(
    "stops once nothing will open the lib again: it is closed (%s), or its schedule ends",
    (isClosed) => {
      const shop = new Shop()
      const program = Effect.gen(function* () {
        const { lib, store } = yield* services
        yield* ask(store, "a", "b", "c")
        const { running } = yield* shop.start(store, { ...given, kind: "the checkpoint in the append" })
        yield* pass(1000)
        assert.strictEqual((yield* running.status).state, "waiting")
        if (isClosed) yield* Effect.exit(lib.close)
        yield* pass(isClosed ? 0 : 60_000)
        yield* settle
        const { error, state } = yield* running.status
        assert.strictEqual(state, "stopped")
        assert.match(String(error), /EIO/)
      })
      const schedule = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 6 }))
      return shop.with(program, { reopen: isClosed ? true : schedule })
    }
  )

  it.effect("waits for segments that cannot be read for a while", () => {
    const shop = new Shop()
    const program = Effect.gen(function* () {
      const { store } = yield* services
      yield* ask(store, "a", "b", "c")
      yield* Effect.flatMap(Tape.make("question"), ({ appendSegment }) => appendSegment)
      shop.break(({ operation, path }) => operation.startsWith("openRead") && !path.includes("litelib"))
      const { running } = yield* shop.start(store, { ...idle, kind: "the checkpoint elsewhere" })
      yield* pass(5000)
      assert.strictEqual((yield* running.status).state, "waiting")
      const lines = shop.logged.filter((line) => line.includes("waits for the disk"))
      assert.lengthOf(lines, 1)
      shop.isBroken = false
      const caughtUp = yield* Effect.forkChild(running.whenCaughtUp)
      yield* pass(30_000, () => caughtUp.pollUnsafe() !== undefined)
      assert.deepStrictEqual(shop.handled, [0, 1, 2])
      assert.strictEqual((yield* running.status).state, "running")
    })
    return shop.with(program, { reopen: true })
  })
})
