/**
 * Runs a consumer whose checkpoints are in a folder of the simulated disk, and crashes it before every step that changes
 * the disk: by a kill, and by power losses. From each image another process continues, and must leave out nothing.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import { Disk } from "litetapes/Disk"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { type DiskState, PowerLoss, SimulatedDisk } from "litetapes/testing"
import { openSession, storeOf } from "../../support/openLib.ts"
import { makeRandom, type Random } from "../random.ts"
import { Kept } from "./kept.ts"
import type { Act, Plan } from "./plan.ts"
import { sample, yields } from "./simulated.ts"

type Event = EventStore.RecordedEvent

export interface Explored {
  readonly images: number
  /** The first thing that was wrong. */
  readonly violation: string | undefined
}

/** Images of a power loss at one point, and points of a run, at most. */
export interface Budget {
  readonly losses: number
  readonly points: number
}

const folder = "/checkpoints"
const place = `${folder}/tested`

/** What a crash at this moment may leave, and what must be true of it. */
interface Point {
  readonly state: DiskState.DiskState
  /** What was handled until then. */
  readonly handled: ReadonlySet<number>
  readonly givenUp: ReadonlySet<number>
  readonly kept: Kept
}

/** More turns of other fibres than any run takes. */
const turnsMax = 50_000

class Exploration {
  readonly #plan: Plan
  readonly #store: EventStore.EventStore["Service"]
  readonly #random: Random
  readonly #events: Array<{ readonly stream: string; readonly matches: boolean; readonly isPoison: boolean }> = []
  readonly #points: Array<Point> = []
  readonly #wrong: Array<string> = []
  readonly #healed = new Set<number>()
  readonly #handled = new Set<number>()
  readonly #givenUp = new Set<number>()
  #kept = new Kept()
  #begun = 0
  #ended = 0
  #images = 0

  constructor(plan: Plan, store: EventStore.EventStore["Service"], random: Random) {
    this.#plan = plan
    this.#store = store
    this.#random = random
  }

  readonly #note = (isRight: boolean, what: () => string): void => {
    if (!isRight) this.#wrong.push(what())
  }

  #append(events: Plan["first"]) {
    return Effect.forEach(
      events,
      ({ isPoison, stream, type }) => {
        this.#events.push({ stream, isPoison, matches: this.#plan.types === null || this.#plan.types.includes(type) })
        return this.#store.append(stream, [{ type, data: {} }])
      },
      { discard: true }
    )
  }

  /** Runs a consumer in a process of its own, which sees this disk, and notes what it keeps. */
  #start(disk: SimulatedDisk.SimulatedDisk, kept: Kept, handled: Set<number>, givenUp: Set<number>) {
    const { checkpointEvents, maxAttempts, maxInFlight, onPoison, partitions, turns, types } = this.#plan
    const calls = new Map<number, number>()
    const last = new Map<string, number>()
    const before = kept.checkpoint
    const handler = ({ position, stream }: Event) =>
      Effect.gen({ self: this }, function* () {
        this.#begun++
        yield* yields(turns * (position % 3))
        this.#ended++
        const call = (calls.get(position) ?? 0) + 1
        calls.set(position, call)
        if (this.#events[position]!.isPoison && !this.#healed.has(position)) {
          if (call >= maxAttempts) givenUp.add(position)
          return yield* Effect.fail("poison")
        }
        handled.add(position)
        if (kept.isParked(position)) return
        this.#note(before === undefined || !isDone(before, position), () => `${position} was done before`)
        this.#note((last.get(stream) ?? -1) < position, () => `${position} of ${stream} comes after a later one`)
        last.set(stream, position)
      })
    const consumer = Consumer.make({
      name: "tested",
      handler,
      partitions,
      maxInFlight,
      maxAttempts,
      onPoison,
      retry: Schedule.spaced(0),
      checkpoint: { events: checkpointEvents, interval: "1 hour" },
      ...(types === null ? {} : { filter: { types } })
    })
    return Effect.gen({ self: this }, function* () {
      const folders = yield* CheckpointStore.makeFolder(folder).pipe(Effect.provideService(Disk, disk.disk))
      const scope = yield* Scope.make()
      const running = yield* Consumer.run(consumer).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.provideService(EventStore.EventStore, this.#store),
        Effect.provideService(CheckpointStore.CheckpointStore, kept.noting(folders)),
        Effect.onError(() => Scope.close(scope, Exit.void))
      )
      const second = yield* Effect.exit(Effect.scoped(folders.claim("tested", "refuse")))
      this.#note(Exit.isFailure(second), () => "its name can be claimed while it runs")
      const stop = Effect.gen({ self: this }, function* () {
        yield* Scope.close(scope, Exit.void)
        const left = this.#begun - this.#ended
        this.#note(left === 0, () => `${left} calls of the handler were cut off`)
        const { checkpoint } = kept
        for (const position of last.values())
          this.#note(
            checkpoint !== undefined && isDone(checkpoint, position),
            () => `${position} was handled before the stop and is not in the checkpoint`
          )
      })
      return { running, stop }
    })
  }

  readonly run = Effect.gen({ self: this }, function* () {
    const disk = SimulatedDisk.make({
      turns: () => this.#plan.diskTurns,
      onStep: (step, { state }) => {
        if (SimulatedDisk.isChange(step)) {
          const [handled, givenUp] = [new Set(this.#handled), new Set(this.#givenUp)]
          this.#points.push({ state: state(), handled, givenUp, kept: this.#kept.copy() })
        }
        return undefined
      }
    })
    const start = () => this.#start(disk, this.#kept, this.#handled, this.#givenUp)
    yield* this.#append(this.#plan.first)
    let process = yield* start()
    for (const act of [...this.#plan.acts, { act: "catchUp" } as const]) {
      if (act.act === "restart") {
        yield* process.stop
        process = yield* start()
      } else yield* this.#act(act, process.running)
    }
    yield* process.stop
    this.#isAtEnd(this.#kept)
  })

  #act(act: Act, running: Consumer.Running) {
    return Effect.gen({ self: this }, function* () {
      if (act.act === "append") return yield* this.#append(act.events)
      if (act.act === "wait") return yield* yields(act.turns)
      if (act.act === "catchUp") return yield* this.#catchUp(running)
      // So that there are some.
      yield* this.#catchUp(running)
      const [first] = yield* running.parked
      if (first === undefined) return
      if (act.act === "drop") {
        this.#givenUp.add(first.position)
        return yield* running.drop(first.position)
      }
      this.#healed.add(first.position)
      yield* running.replay(first.position)
    })
  }

  /** Waits until everything is done. One whose checkpoint is held back for ever never is. */
  #catchUp(running: Consumer.Running) {
    const tooLong = Effect.sync(() => this.#note(false, () => "it never catches up"))
    return Effect.raceFirst(running.whenCaughtUp, Effect.andThen(yields(turnsMax), tooLong))
  }

  /** What was filtered or set aside must not hold the checkpoint back. */
  #isAtEnd({ checkpoint }: Kept): void {
    const end = this.#events.length
    this.#note(checkpoint?.low === end, () => `the last checkpoint is at ${checkpoint?.low}, the store ends at ${end}`)
  }

  /** Crashes at every point of the run, or at a sample. */
  readonly crash = Effect.fnUntraced({ self: this }, function* (this: Exploration, { losses, points }: Budget) {
    for (const point of sample(this.#points, points, this.#random)) {
      yield* this.#continue(point.state, point, "a kill")
      for (const state of PowerLoss.powerLosses(point.state, { limit: losses, random: this.#random.next }))
        yield* this.#continue(state, point, "a power loss")
      if (this.#wrong.length > 0) return
    }
  })

  #continue(state: DiskState.DiskState, point: Point, crash: string) {
    this.#images++
    return Effect.gen({ self: this }, function* () {
      const disk = SimulatedDisk.make({ state })
      const kept = point.kept.copy()
      const found = kept.find(state, place)
      if (found !== undefined) return this.#note(false, () => `after ${crash}: ${found}`)
      const { checkpoint } = kept
      const { givenUp, handled } = point
      for (const position of this.#matching)
        this.#note(
          checkpoint === undefined ||
            !isDone(checkpoint, position) ||
            handled.has(position) ||
            (this.#plan.onPoison === "park" ? kept.isParked(position) : false) ||
            (givenUp.has(position) && (this.#plan.onPoison === "skip" || kept.wasRemoved(position))),
          () => `after ${crash}: the checkpoint passes ${position}, which is not done: ${JSON.stringify(checkpoint)}`
        )
      const [then, left] = [new Set(handled), new Set(givenUp)]
      const { running, stop } = yield* this.#start(disk, kept, then, left)
      yield* this.#catchUp(running)
      yield* stop
      for (const position of this.#matching)
        this.#note(
          then.has(position) || left.has(position) || kept.isParked(position),
          () => `after ${crash}: ${position} is left out`
        )
      this.#isAtEnd(kept)
    })
  }

  get #matching(): ReadonlyArray<number> {
    return this.#events.flatMap(({ matches }, position) => (matches ? [position] : []))
  }

  get explored(): Explored {
    return { images: this.#images, violation: this.#wrong[0] }
  }
}

interface Done {
  readonly low: number
  readonly done: ReadonlyArray<readonly [number, number]>
}

const isDone = ({ done, low }: Done, position: number): boolean =>
  position < low || done.some(([from, to]) => position >= from && position < to)

/** Explores a run. */
export const explore = (plan: Plan, seed: number, budget: Budget): Promise<Explored> =>
  Effect.gen(function* () {
    const { close, lib } = yield* openSession(yield* MemoryStorage.make, "lib")
    const exploration = new Exploration(plan, yield* storeOf(lib), makeRandom(seed))
    yield* exploration.run
    if (exploration.explored.violation === undefined) yield* exploration.crash(budget)
    yield* close
    return exploration.explored
  }).pipe(Effect.provide(Logger.layer([])), Effect.runPromise)
