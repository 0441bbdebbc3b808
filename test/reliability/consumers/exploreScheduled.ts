/**
 * Schedules and cancels events in a lib on the simulated disk, while the clock is set forward and back, and crashes the process
 * before every step that changes the disk: by a kill, and by power losses. From each image another process delivers what is due.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as ScheduledEvents from "litetapes/ScheduledEvents"
import { type DiskState, PowerLoss, SimulatedDisk } from "litetapes/testing"
import { type JumpingClock, makeJumpingClock } from "../../support/jumpingClock.ts"
import { makeRandom, type Random } from "../random.ts"
import type { Budget, Explored } from "./explore.ts"
import { openOn, sample, yields } from "./simulated.ts"
import type { ScheduledAct, ScheduledPlan } from "./scheduledPlan.ts"

const reminders = ScheduledEvents.make({ name: "reminder" })
const begin = Date.UTC(2030, 0, 1)
const minute = 60_000

/** What the program knows of a scheduled event. */
interface Known {
  readonly deliverAt: number
  readonly isScheduled: boolean
  /** `begun`: it may be cancelled or not. */
  readonly cancel: "no" | "begun" | "cancelled"
}

/** What a crash at this moment may leave, and what was known. */
interface Point {
  readonly state: DiskState.DiskState
  readonly known: ReadonlyMap<string, Known>
}

interface Process {
  readonly store: EventStore.EventStore["Service"]
  readonly running: ScheduledEvents.Running
  readonly stop: Effect.Effect<void>
}

/** More turns of other fibres than any run takes. */
const turnsMax = 20_000

const start = (disk: SimulatedDisk.SimulatedDisk) =>
  Effect.gen(function* () {
    const { close, store } = yield* openOn(disk)
    const scope = yield* Scope.make()
    const running = yield* ScheduledEvents.run(reminders).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(EventStore.EventStore, store)
    )
    return { store, running, stop: Effect.andThen(Scope.close(scope, Exit.void), close) } satisfies Process
  })

class Exploration {
  readonly #plan: ScheduledPlan
  readonly #random: Random
  readonly #clock: JumpingClock
  readonly #points: Array<Point> = []
  readonly #wrong: Array<string> = []
  readonly #known = new Map<string, Known>()
  readonly #hasty: Array<Fiber.Fiber<void>> = []
  #images = 0

  constructor(plan: ScheduledPlan, random: Random, clock: JumpingClock) {
    this.#plan = plan
    this.#random = random
    this.#clock = clock
  }

  get explored(): Explored {
    return { images: this.#images, violation: this.#wrong[0] }
  }

  readonly #note = (isRight: boolean, what: () => string): void => {
    if (!isRight) this.#wrong.push(what())
  }

  readonly run = Effect.gen({ self: this }, function* () {
    const disk = SimulatedDisk.make({
      turns: () => this.#plan.diskTurns,
      onStep: (step, { state }) => {
        if (SimulatedDisk.isChange(step)) this.#points.push({ state: state(), known: new Map(this.#known) })
        return undefined
      }
    })
    let process = yield* start(disk)
    for (const act of [...this.#plan.first, ...this.#plan.acts]) {
      if (act.act === "restart") {
        yield* process.stop
        process = yield* start(disk)
      } else yield* this.#act(act, process)
    }
    yield* this.#catchUp(process)
    yield* this.#judge(process.store, this.#known, "at the end")
    yield* process.stop
  })

  #act(act: ScheduledAct, process: Process): Effect.Effect<void> {
    switch (act.act) {
      case "schedule":
        return this.#schedule(act.id, begin + act.at * minute, process)
      case "cancel":
        return this.#cancel(act.id, process)
      case "set":
        return Effect.sync(() => this.#clock.set(begin + act.to * minute))
      case "elapse":
        return Effect.sync(() => this.#clock.elapse(act.minutes * minute))
      case "wait":
        return yields(act.turns)
      default:
        return this.#catchUp(process)
    }
  }

  #schedule(id: string, deliverAt: number, { store }: Process): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (this.#known.has(id)) return
      this.#known.set(id, { deliverAt, isScheduled: false, cancel: "no" })
      const event = { type: "Reminded", data: { id } }
      yield* reminders
        .schedule({ id, deliverAt, stream: `order-${Number(id.slice(1)) % 2}`, event })
        .pipe(Effect.provideService(EventStore.EventStore, store), Effect.orDie)
      this.#known.set(id, { deliverAt, isScheduled: true, cancel: "no" })
    })
  }

  /** Begins a cancellation. A hasty program does something else meanwhile. */
  #cancel(id: string, { store }: Process): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const known = this.#known.get(id)
      if (known === undefined || known.cancel !== "no") return
      this.#known.set(id, { ...known, cancel: "begun" })
      const cancelled = Effect.map(
        Effect.orDie(Effect.provideService(reminders.cancel(id), EventStore.EventStore, store)),
        (result) => {
          this.#note(result !== "unknown", () => `${id} is scheduled, and its cancellation does not know it`)
          this.#known.set(id, { ...known, cancel: result === "cancelled" ? "cancelled" : "no" })
        }
      )
      if (this.#plan.isHasty) this.#hasty.push(yield* Effect.forkDetach(cancelled))
      else yield* cancelled
    })
  }

  /** Waits until everything that is due is delivered. */
  #catchUp({ running }: Process): Effect.Effect<void> {
    const tooLong = Effect.sync(() => this.#note(false, () => "it never catches up"))
    return Effect.andThen(
      Fiber.awaitAll(this.#hasty),
      Effect.raceFirst(Effect.orDie(running.whenCaughtUp), Effect.andThen(yields(turnsMax), tooLong))
    )
  }

  /** Everything that is due must be delivered once, and nothing else. */
  #judge(store: Process["store"], known: ReadonlyMap<string, Known>, when: string) {
    return Effect.gen({ self: this }, function* () {
      const now = this.#clock.now()
      const counts = new Map<string, number>()
      yield* Stream.runForEach(store.readAll({ filter: { types: ["Reminded"] } }), ({ data }) =>
        Effect.sync(() => {
          const { id } = data as { readonly id: string }
          counts.set(id, (counts.get(id) ?? 0) + 1)
        })
      )
      for (const [id, { cancel, deliverAt, isScheduled }] of known) {
        const count = counts.get(id) ?? 0
        this.#note(count <= 1, () => `${when}: ${id} was delivered ${count} times`)
        if (cancel === "cancelled") this.#note(count === 0, () => `${when}: ${id} was cancelled and delivered`)
        else if (isScheduled && cancel === "no" && deliverAt <= now) {
          this.#note(count === 1, () => `${when}: ${id} is due and was not delivered`)
        }
      }
    })
  }

  /** Crashes at a sample of the points of the run. */
  readonly crash = Effect.fnUntraced({ self: this }, function* (this: Exploration, { losses, points }: Budget) {
    for (const { known, state } of sample(this.#points, points, this.#random)) {
      yield* this.#continue(state, known, "after a kill")
      for (const left of PowerLoss.powerLosses(state, { limit: losses, random: this.#random.next }))
        yield* this.#continue(left, known, "after a power loss")
      if (this.#wrong.length > 0) return
    }
  })

  /** Delivers everything, long after the crash. */
  #continue(state: DiskState.DiskState, known: ReadonlyMap<string, Known>, crash: string) {
    this.#images++
    return Effect.gen({ self: this }, function* () {
      this.#clock.set(begin + 60 * minute)
      const process = yield* start(SimulatedDisk.make({ state }))
      yield* this.#catchUp(process)
      yield* this.#judge(process.store, known, crash)
      yield* process.stop
    })
  }
}

/** Explores a run. */
export const exploreScheduled = (plan: ScheduledPlan, seed: number, budget: Budget): Promise<Explored> => {
  const clock = makeJumpingClock(begin)
  return Effect.gen(function* () {
    yield* Lib.preload
    const exploration = new Exploration(plan, makeRandom(seed), clock)
    yield* exploration.run
    if (exploration.explored.violation === undefined) yield* exploration.crash(budget)
    return exploration.explored
  }).pipe(
    Effect.provideService(Clock.Clock, clock.clock),
    Effect.provide(Logger.layer([])),
    Effect.orDie,
    Effect.runPromise
  )
}
