/** The store of a spec: a lib in memory, and the events that it begins with. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EventSchemaError } from "../../../domain/event/EventErrors.ts"
import { InvalidArgument } from "../../../domain/format/Errors.ts"
import * as MemoryStorage from "../../../layers/MemoryStorage.ts"
import * as EventStore from "../../../services/EventStore.ts"
import { Storage } from "../../../services/ports/Storage.ts"
import type { GivenEvents } from "../../GivenEvents.ts"

const firstTime = Date.UTC(2026, 0, 1)

export class SpecStore {
  readonly store: EventStore.EventStore["Service"]
  #nextTime = firstTime
  /** Positions of the events that were given. */
  readonly #given = new Set<number>()

  constructor(store: EventStore.EventStore["Service"]) {
    this.store = store
  }

  /** Appends events, one after the other. Calls `each` after each of them. */
  append<E = never>(
    given: GivenEvents,
    each: (event: EventStore.RecordedEvent) => Effect.Effect<void, E> = () => Effect.void
  ): Effect.Effect<void, E | EventSchemaError> {
    const { events, stream, time } = given
    if (time !== undefined && Number.isNaN(Date.parse(time))) {
      const why = 'must be a time, such as "2031-02-03T04:05:06Z"'
      return Effect.die(new InvalidArgument({ call: "GivenEvents", argument: "time", why }))
    }
    const marks = marksOf(given)
    return Effect.gen({ self: this }, function* () {
      for (const event of Effect.isEffect(events) ? yield* events : events) {
        const millis = time === undefined ? this.#nextTime : Date.parse(time)
        this.#nextTime = millis + 1000
        const id = event.id ?? `given-${yield* this.store.position}`
        const appended = this.store.append(stream, [{ ...event, id }], marks)
        const { lastPosition } = yield* Effect.orDie(at(millis, appended))
        this.#given.add(lastPosition!)
        yield* each((yield* this.#read(lastPosition!))[0]!)
      }
    })
  }

  /** Returns the events from a position on: those that were given, and the others. */
  since(from: number): Effect.Effect<{
    readonly given: ReadonlyArray<EventStore.RecordedEvent>
    readonly appended: ReadonlyArray<EventStore.RecordedEvent>
  }> {
    return Effect.map(this.#read(from, Number.POSITIVE_INFINITY), (events) => ({
      given: events.filter(({ position }) => this.#given.has(position)),
      appended: events.filter(({ position }) => !this.#given.has(position))
    }))
  }

  #read(from: number, to = from + 1): Effect.Effect<ReadonlyArray<EventStore.RecordedEvent>> {
    return Effect.orDie(Stream.runCollect(this.store.readAll({ from, to })))
  }
}

/** Opens a store with events. It has no timers. */
export const openSpecStore = (
  given: ReadonlyArray<GivenEvents>
): Effect.Effect<SpecStore, EventSchemaError, Scope.Scope> =>
  Effect.gen(function* () {
    const storage = yield* MemoryStorage.make
    const opened = EventStore.open("spec", { closeAfter: Duration.infinity })
    const spec = new SpecStore(yield* Effect.orDie(Effect.provideService(opened, Storage, storage)))
    yield* Effect.forEach(given, (events) => spec.append(events), { discard: true })
    return spec
  })

/** Returns what given events have in their metadata. */
export const marksOf = ({ causationId, correlationId }: GivenEvents) => ({
  ...(correlationId === undefined ? {} : { correlationId }),
  ...(causationId === undefined ? {} : { causationId })
})

/** Runs an effect at a time. */
const at = <A, E, R>(millis: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    const nanos = BigInt(millis) * 1_000_000n
    const fixed: Clock.Clock = {
      ...clock,
      currentTimeMillisUnsafe: () => millis,
      currentTimeMillis: Effect.succeed(millis),
      currentTimeNanosUnsafe: () => nanos,
      currentTimeNanos: Effect.succeed(nanos),
      sleep: (duration) => clock.sleep(duration)
    }
    return Effect.provideService(effect, Clock.Clock, fixed)
  })
