/**
 * Runs a reactor in a lib on the simulated disk, and crashes the process before every step that changes the disk: by a kill, and by
 * power losses. From each image another process continues. No event may be left out, and each result is there once.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Reactor from "litetapes/Reactor"
import { type DiskState, PowerLoss, SimulatedDisk } from "litetapes/testing"
import { makeRandom, type Random } from "../random.ts"
import type { Budget, Explored } from "./explore.ts"
import type { ReactorAct, ReactorPlan } from "./reactorPlan.ts"
import { openOn, sample, yields } from "./simulated.ts"

interface Process {
  readonly store: EventStore.EventStore["Service"]
  readonly running: Reactor.Running
  /** Ids of the events that were called for. */
  readonly called: ReadonlySet<string>
  readonly stop: Effect.Effect<void>
}

/** What of an event is in a lib: how often its result, and its dead letter. */
interface Found {
  readonly placed: ReadonlySet<string>
  readonly results: ReadonlyMap<string, number>
}

/** More turns of other fibres than any run takes. */
const turnsMax = 20_000

class Exploration {
  readonly #plan: ReactorPlan
  readonly #random: Random
  readonly #points: Array<{ readonly state: DiskState.DiskState; readonly dropped: ReadonlySet<string> }> = []
  readonly #wrong: Array<string> = []
  /** Calls that fail from now on, by id. */
  readonly #failures = new Map<string, number>()
  readonly #keys = new Map<string, string>()
  readonly #dropped = new Set<string>()
  #calls = 0
  #images = 0

  constructor(plan: ReactorPlan, random: Random) {
    this.#plan = plan
    this.#random = random
  }

  get explored(): Explored {
    return { images: this.#images, violation: this.#wrong[0] }
  }

  readonly #note = (isRight: boolean, what: () => string): void => {
    if (!isRight) this.#wrong.push(what())
  }

  #start(disk: SimulatedDisk.SimulatedDisk) {
    const { maxAttempts, partitions, turns } = this.#plan
    const called = new Set<string>()
    const react = ({ id }: EventStore.RecordedEvent, { key }: Reactor.Reacting) =>
      Effect.gen({ self: this }, function* () {
        const call = ++this.#calls
        called.add(id)
        this.#note((this.#keys.get(id) ?? key) === key, () => `${id} has another key than before`)
        this.#keys.set(id, key)
        yield* yields(turns * (call % 3))
        const left = this.#failures.get(id) ?? 0
        this.#failures.set(id, left - 1)
        if (left > 0) return yield* Effect.fail("it fails")
        // Each call has another result.
        return { stream: `result-${call % 2}`, events: [{ type: "Done", data: { id, call } }] }
      })
    const reactor = Reactor.make({
      name: "tested",
      filter: { types: ["Placed"] },
      react,
      partitions,
      maxAttempts,
      retry: Schedule.spaced(0)
    })
    return Effect.gen(function* () {
      const { close, store } = yield* openOn(disk)
      const scope = yield* Scope.make()
      const running = yield* Reactor.run(reactor).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.provideService(EventStore.EventStore, store)
      )
      const stop = Effect.andThen(Scope.close(scope, Exit.void), close)
      return { called, running, stop, store } satisfies Process
    })
  }

  readonly run = Effect.gen({ self: this }, function* () {
    const disk = SimulatedDisk.make({
      turns: () => this.#plan.diskTurns,
      onStep: (step, { state }) => {
        if (SimulatedDisk.isChange(step)) this.#points.push({ state: state(), dropped: new Set(this.#dropped) })
        return undefined
      }
    })
    let process = yield* this.#start(disk)
    for (const act of [this.#plan.first, ...this.#plan.acts]) {
      if (act.act === "restart") {
        yield* process.stop
        process = yield* this.#start(disk)
      } else yield* this.#act(act, process)
    }
    yield* this.#finish(process, this.#dropped, "at the end")
  })

  #act(act: ReactorAct, process: Process): Effect.Effect<void, unknown> {
    return Effect.gen({ self: this }, function* () {
      const { running, store } = process
      if (act.act === "wait") return yield* yields(act.turns)
      if (act.act === "place") {
        for (const { failures, stream } of act.orders) {
          const id = `placed-${this.#failures.size}`
          this.#failures.set(id, failures)
          yield* store.append(stream, [{ type: "Placed", id }])
        }
        return
      }
      yield* this.#catchUp(process)
      const [letter] = act.act === "catchUp" ? [] : yield* running.deadLetters
      if (letter === undefined) return
      if (act.act === "replay") return yield* Effect.ignore(running.replay(letter.position))
      this.#dropped.add(letter.id)
      yield* running.drop(letter.position)
    })
  }

  #catchUp({ running }: Process): Effect.Effect<void, unknown> {
    const tooLong = Effect.sync(() => this.#note(false, () => "it never catches up"))
    return Effect.raceFirst(running.whenCaughtUp, Effect.andThen(yields(turnsMax), tooLong))
  }

  #find(store: Process["store"]) {
    return Effect.gen(function* () {
      const placed = new Set<string>()
      const results = new Map<string, number>()
      yield* Stream.runForEach(store.readAll({ filter: { types: ["Placed", "Done"] } }), ({ data, id, type }) =>
        Effect.sync(() => {
          if (type === "Placed") return void placed.add(id)
          const { id: of } = data as { readonly id: string }
          results.set(of, (results.get(of) ?? 0) + 1)
        })
      )
      return { placed, results } satisfies Found
    })
  }

  /** Replays all dead letters until they succeed, and judges what is there. */
  #finish(process: Process, dropped: ReadonlySet<string>, when: string) {
    return Effect.gen({ self: this }, function* () {
      const { running, stop, store } = process
      yield* this.#catchUp(process)
      const before = yield* this.#find(store)
      const letters = yield* running.deadLetters
      const lettered = new Set(letters.map(({ id }) => id))
      for (const id of before.placed) {
        const isThere = before.results.has(id) || lettered.has(id) || dropped.has(id)
        this.#note(isThere, () => `${when}: ${id} has neither a result nor a dead letter`)
      }
      for (const { id, position } of letters) {
        this.#failures.set(id, 0)
        yield* running.replay(position)
      }
      const { placed, results } = yield* this.#find(store)
      for (const id of placed) {
        const count = results.get(id) ?? 0
        this.#note(count === 1 || dropped.has(id), () => `${when}: ${id} has ${count} results`)
        this.#note(count <= 1, () => `${when}: ${id} has ${count} results`)
      }
      this.#note((yield* running.deadLetters).length === 0, () => `${when}: dead letters are left after their replay`)
      yield* stop
    })
  }

  /** Crashes at a sample of the points of the run. */
  readonly crash = Effect.fnUntraced({ self: this }, function* (this: Exploration, { losses, points }: Budget) {
    for (const { dropped, state } of sample(this.#points, points, this.#random)) {
      yield* this.#continue(state, dropped, "after a kill")
      for (const left of PowerLoss.powerLosses(state, { limit: losses, random: this.#random.next }))
        yield* this.#continue(left, dropped, "after a power loss")
      if (this.#wrong.length > 0) return
    }
  })

  #continue(state: DiskState.DiskState, dropped: ReadonlySet<string>, crash: string) {
    this.#images++
    return Effect.gen({ self: this }, function* () {
      const looked = yield* openOn(SimulatedDisk.make({ state }))
      const { results } = yield* this.#find(looked.store)
      yield* looked.close
      const process = yield* this.#start(SimulatedDisk.make({ state }))
      yield* this.#catchUp(process)
      for (const id of results.keys())
        this.#note(!process.called.has(id), () => `${crash}: ${id} is called for again, and its result is there`)
      yield* this.#finish(process, dropped, crash)
    })
  }
}

/** Explores a run. */
export const exploreReactor = (plan: ReactorPlan, seed: number, budget: Budget): Promise<Explored> =>
  Effect.gen(function* () {
    yield* Lib.preload
    const exploration = new Exploration(plan, makeRandom(seed))
    yield* exploration.run
    if (exploration.explored.violation === undefined) yield* exploration.crash(budget)
    return exploration.explored
  }).pipe(Effect.provide(Logger.layer([])), Effect.orDie, Effect.runPromise)
