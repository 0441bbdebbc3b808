/**
 * Whatever is appended, fails, is interrupted or crashes meanwhile, a consumer handles every matching event at least once
 * and in order within its stream; only poison events are left out, and no checkpoint passes an event that is not done.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { openSession, storeOf } from "../../support/openLib.ts"
import { runs } from "../../support/runs.ts"

type Event = EventStore.RecordedEvent

const streams = ["order-1", "order-2", "order-3", "bill-1"]

/** An event fails so often in each run; with `stop`, in all runs together and not for ever. */
const failures = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 99))

const op = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("append" as const),
      stream: fc.constantFrom(...streams),
      events: fc.array(fc.record({ type: fc.constantFrom("Made", "Paid"), fails: failures }), {
        minLength: 1,
        maxLength: 8
      })
    })
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("wait" as const), turns: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom("stop" as const, "crash" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constantFrom("pause" as const, "resume" as const, "blink" as const, "catchUp" as const)
    })
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("replay" as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("reset" as const), to: fc.nat(6) }) }
)

const plan = fc.record({
  ops: fc.array(op, { minLength: 1, maxLength: 40, size: "max" }),
  partitions: fc.integer({ min: 1, max: 4 }),
  maxInFlight: fc.integer({ min: 1, max: 8 }),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  onPoison: fc.constantFrom("park" as const, "skip" as const, "stop" as const),
  types: fc.option(fc.constantFrom<ReadonlyArray<string>>(["Made"], ["Paid"], ["Lost"])),
  checkpointEvents: fc.integer({ min: 1, max: 6 }),
  /** Turns of other fibres in each call of the handler, in each write of a parked event, and of the checkpoint. */
  turns: fc.nat(12),
  parkingTurns: fc.nat(8),
  writingTurns: fc.nat(4),
  retryMillis: fc.constantFrom(0, 0, 3)
})

type Plan = typeof plan extends fc.Arbitrary<infer A> ? A : never
type Op = typeof op extends fc.Arbitrary<infer A> ? A : never

const yields = (turns: number) =>
  Effect.forEach(Array.from({ length: turns }), () => Effect.yieldNow, { discard: true })

interface Stored {
  readonly low: number
  readonly done: ReadonlyArray<readonly [number, number]>
}

/** One process: what it does after its crash has no effect. */
interface Process {
  isAlive: boolean
  /** From the end of a pause to what ends it. */
  isPaused: boolean
  readonly calls: Map<number, number>
  readonly last: Map<string, number>
  readonly scope: Scope.Closeable
  /** The checkpoint that it began with. */
  begun: Stored | undefined
}

class Run {
  readonly #plan: Plan
  readonly #store: EventStore.EventStore["Service"]
  readonly #checkpoints: CheckpointStore.CheckpointStore["Service"]
  readonly events: Array<Event> = []
  /** Positions that were handled, in the order in which they first were. */
  readonly handled = new Set<number>()
  readonly givenUp = new Set<number>()
  readonly parked = new Map<number, string>()
  stored: Stored | undefined
  #process!: Process
  #running!: Consumer.Running
  #atOnce = 0
  readonly #busyStreams = new Set<string>()
  isHealed = false
  #wasReset = false
  readonly #failures: Array<string> = []
  readonly #appended: Array<number> = []

  constructor(
    given: Plan,
    store: EventStore.EventStore["Service"],
    checkpoints: CheckpointStore.CheckpointStore["Service"]
  ) {
    this.#plan = given
    this.#store = store
    this.#checkpoints = checkpoints
  }

  get matching(): ReadonlyArray<number> {
    const { types } = this.#plan
    return this.#appended.flatMap((_, position) =>
      types === null || types.includes(this.#types[position]!) ? [position] : []
    )
  }

  readonly #types: Array<string> = []

  isPoison(position: number): boolean {
    return this.#plan.onPoison !== "stop" && this.#appended[position]! >= this.#plan.maxAttempts
  }

  /** Notes what must not be: an assertion in a handler would only be another failure of it. */
  #check(isRight: boolean, what: string): void {
    if (!isRight) this.#failures.push(what)
  }

  readonly #handle = (process: Process) => (event: Event) =>
    Effect.gen({ self: this }, function* () {
      const { maxAttempts, onPoison, partitions, turns } = this.#plan
      const { position, stream } = event
      this.#check(!process.isPaused, `${position} is handled while the consumer is paused`)
      this.#check(!this.#busyStreams.has(stream), `two events of ${stream} are handled at once`)
      this.#busyStreams.add(stream)
      this.#check(++this.#atOnce <= partitions, "more are handled at once than there are partitions")
      yield* yields(turns * (position % 4))
      this.#busyStreams.delete(stream)
      this.#atOnce--
      if (!process.isAlive) return
      const call = (process.calls.get(position) ?? 0) + 1
      process.calls.set(position, call)
      if (!this.isHealed && call <= this.#appended[position]!) {
        this.#check(
          onPoison === "stop" || call <= maxAttempts || this.#wasReset || this.parked.has(position),
          `${position} is tried ${call} times`
        )
        if (call >= maxAttempts) this.givenUp.add(position)
        return yield* Effect.fail("not now")
      }
      if (!this.parked.has(position)) {
        const { begun } = process
        this.#check(begun === undefined || !isDone(begun, position), `${position} was done before`)
        this.#check((process.last.get(stream) ?? -1) < position, `${position} of ${stream} after a later one`)
        process.last.set(stream, position)
        const earlier = this.matching.filter((other) => other < position && this.#streams[other] === stream)
        this.#check(
          earlier.every((other) => this.handled.has(other) || this.isPoison(other)),
          `${position} of ${stream} before an earlier one`
        )
      }
      this.handled.add(position)
    })

  readonly #streams: Array<string> = []
  readonly #calls = new Map<number, number>()

  /** What the store keeps must be true when it is written. */
  #noteStored(key: string, text: string | undefined): void {
    if (key !== "checkpoint") {
      const position = Number(key.replace("parked-", ""))
      if (text === undefined) this.parked.delete(position)
      else this.parked.set(position, text)
      return
    }
    if (text === undefined) return
    this.stored = JSON.parse(text) as Stored
    for (const position of this.matching) {
      if (!isDone(this.stored, position)) continue
      const isAside = this.#plan.onPoison === "park" ? this.parked.has(position) : this.givenUp.has(position)
      this.#check(this.handled.has(position) || isAside, `the checkpoint passes ${position}: ${text}`)
    }
    this.#check(this.stored.done.length <= this.#plan.maxInFlight * 2 + 2, `too many ranges: ${text}`)
  }

  #storeOf(process: Process): CheckpointStore.CheckpointStore["Service"] {
    const { parkingTurns, writingTurns } = this.#plan
    const write = (key: string, effect: Effect.Effect<void, never>, note: () => void) =>
      Effect.andThen(
        yields(key === "checkpoint" ? writingTurns : parkingTurns),
        Effect.suspend(() => {
          if (!process.isAlive) return Effect.void
          note()
          return effect
        })
      )
    return {
      claim: (consumer, onClaimed) =>
        Effect.map(this.#checkpoints.claim(consumer, onClaimed), (entries) => ({
          ...entries,
          set: (key, text) => write(key, Effect.orDie(entries.set(key, text)), () => this.#noteStored(key, text)),
          remove: (key) => write(key, Effect.orDie(entries.remove(key)), () => this.#noteStored(key, undefined))
        }))
    }
  }

  readonly start = Effect.gen({ self: this }, function* () {
    const { checkpointEvents, maxAttempts, maxInFlight, onPoison, partitions, retryMillis, types } = this.#plan
    const process: Process = {
      isAlive: true,
      isPaused: false,
      calls: onPoison === "stop" ? this.#calls : new Map(),
      last: new Map(),
      scope: yield* Scope.make(),
      begun: this.stored
    }
    const consumer = Consumer.make({
      name: "tested",
      handler: this.#handle(process),
      partitions,
      maxInFlight,
      maxAttempts,
      onPoison,
      retry: Schedule.spaced(retryMillis),
      checkpoint: { events: checkpointEvents, interval: 0 },
      ...(types === null ? {} : { filter: { types } })
    })
    this.#process = process
    this.#running = yield* Consumer.run(consumer).pipe(
      Effect.provideService(Scope.Scope, process.scope),
      Effect.provideService(EventStore.EventStore, this.#store),
      Effect.provideService(CheckpointStore.CheckpointStore, this.#storeOf(process))
    )
  })

  readonly #end = Effect.gen({ self: this }, function* () {
    yield* Scope.close(this.#process.scope, Exit.void)
    this.#check(this.#atOnce === 0, "a call of the handler runs on")
  })

  readonly stop = Effect.gen({ self: this }, function* () {
    yield* this.#end
    const { stored } = this
    for (const position of this.#process.last.values()) {
      this.#check(
        stored !== undefined && isDone(stored, position),
        `${position} was handled, and is not in the checkpoint`
      )
    }
  })

  readonly act = Effect.fnUntraced({ self: this }, function* (this: Run, act: Op) {
    if (act.op === "append") {
      const { stream } = act
      for (const { fails, type } of act.events) {
        this.#appended.push(this.#plan.onPoison === "stop" ? Math.min(fails, 3) : fails)
        this.#types.push(type)
        this.#streams.push(stream)
      }
      yield* this.#store.append(
        stream,
        act.events.map(({ type }) => ({ type, data: {} }))
      )
    } else if (act.op === "wait") {
      yield* yields(act.turns)
      const { inFlight, position } = yield* this.#running.status
      this.#check(inFlight <= this.#plan.maxInFlight, `${inFlight} are in flight`)
      this.#check(position <= this.#appended.length, `it is at ${position}`)
    } else if (act.op === "stop") {
      yield* this.stop
      yield* this.start
    } else if (act.op === "crash") {
      this.#process.isAlive = false
      yield* this.#end
      yield* this.start
    } else if (act.op === "pause") {
      yield* this.#running.pause
      this.#check(this.#atOnce === 0, "a call of the handler runs while it is paused")
      this.#process.isPaused = true
    } else if (act.op === "resume") yield* this.#resume
    else if (act.op === "blink") {
      // A partition that waits for the end of a pause before its next attempt must not miss the next one.
      yield* this.#running.pause
      yield* Effect.sleep(1)
      yield* this.#resume
      yield* this.#running.pause
      this.#process.isPaused = true
    } else if (act.op === "catchUp") yield* this.catchUp
    else if (act.op === "replay") yield* this.#replay
    else if (act.op === "reset") {
      const end = this.#appended.length
      const to = Math.min(act.to, (yield* this.#running.status).position, end)
      this.#wasReset = true
      // What runs may end first.
      this.#process.begun = undefined
      yield* this.#unlessStopped(this.#running.reset(to === 0 ? "start" : { after: to - 1 }))
      this.#process.last.clear()
    }
  })

  /** Runs it again if a poison event has stopped it. */
  #unlessStopped<E extends { readonly _tag: string }>(effect: Effect.Effect<void, E>) {
    return Effect.matchEffect(effect, {
      onFailure: ({ _tag }) =>
        Effect.gen({ self: this }, function* () {
          this.#check(this.#plan.onPoison === "stop" && /HandlerFailed|ConsumerStopped/.test(_tag), _tag)
          yield* this.stop
          yield* this.start
          return false
        }),
      onSuccess: () => Effect.succeed(true)
    })
  }

  readonly #resume = Effect.suspend(() => {
    this.#process.isPaused = false
    return this.#running.resume
  })

  readonly catchUp = Effect.gen({ self: this }, function* () {
    let isThere = false
    while (!isThere) {
      yield* this.#resume
      isThere = yield* this.#unlessStopped(this.#running.whenCaughtUp)
    }
    const { inFlight, lag, state } = yield* this.#running.status
    assert.deepStrictEqual([inFlight, lag, state], [0, 0, "running"])
  })

  /** A replay that fails changes nothing but the record of the event. */
  readonly #replay = Effect.gen({ self: this }, function* () {
    yield* this.catchUp
    const before = this.stored
    for (const { position } of yield* this.#running.parked) {
      const replay = Effect.match(this.#running.replay(position), {
        onFailure: ({ _tag }) => _tag,
        onSuccess: () => "done"
      })
      // Two at once, and one whose caller is gone before its turn.
      const tags = yield* Effect.all([replay, Effect.raceFirst(replay, Effect.as(yields(3), "gone")), replay], {
        concurrency: 3
      })
      const isRight =
        tags.filter((tag) => tag === "done").length <= 1 &&
        tags.every((tag) => /HandlerFailed|NotParked|done|gone/.test(tag))
      this.#check(isRight, `the replays of ${position}: ${tags.join()}`)
    }
    this.#check(before === undefined || this.stored!.low >= before.low, "a replay moved the checkpoint back")
  })

  readonly finish = Effect.gen({ self: this }, function* () {
    yield* this.catchUp
    yield* this.stop
    assert.deepStrictEqual(this.#failures, [])
    const good = this.matching.filter((position) => !this.isPoison(position))
    assert.deepStrictEqual(
      good.filter((position) => !this.handled.has(position)),
      [],
      "never handled"
    )
    assert.strictEqual(this.stored?.low, this.#appended.length)
    const poison = this.matching.filter((position) => this.isPoison(position))
    const left = poison.filter((position) => !this.handled.has(position))
    const parked = [...this.parked.keys()]
    if (this.#plan.onPoison !== "park") assert.deepStrictEqual(parked, [])
    // One that a replay has handled is parked again if a reset gives it to the handler again.
    else assert.includeMembers(parked, left)
    assert.includeMembers(poison, parked)
    // Parked events are handled once the handler can, and the checkpoint stays.
    yield* this.start
    this.isHealed = true
    const { stored } = this
    for (const { position } of yield* this.#running.parked) yield* this.#running.replay(position)
    assert.deepStrictEqual(yield* this.#running.parked, [])
    assert.deepStrictEqual(this.stored, stored)
    yield* this.stop
    for (const position of parked) assert.isTrue(this.handled.has(position))
    assert.deepStrictEqual(this.stored, stored)
    assert.deepStrictEqual(this.#failures, [])
  })
}

const isDone = ({ done, low }: Stored, position: number): boolean =>
  position < low || done.some(([from, to]) => position >= from && position < to)

describe("a consumer", () => {
  it("handles every matching event at least once and in order, and its checkpoint passes none that is not done", async () => {
    const quiet = Logger.layer([])
    await fc.assert(
      fc.asyncProperty(plan, (given) =>
        Effect.gen(function* () {
          const { close, lib } = yield* openSession(yield* MemoryStorage.make, "lib")
          const run = new Run(given, yield* storeOf(lib), yield* CheckpointStore.makeMemory)
          yield* run.start
          for (const act of given.ops) yield* run.act(act)
          yield* run.finish
          yield* close
        }).pipe(Effect.provide(quiet), Effect.runPromise)
      ),
      { numRuns: runs }
    )
  })
})
