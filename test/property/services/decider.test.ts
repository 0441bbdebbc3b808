/**
 * Deciders do what a model without a cache does: whatever the interleaving of commands of several fibres, of appends past the
 * decider and of restarts, and however many states are kept in memory.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { existingTape, openSession, type Session, storeOf } from "../../support/openLib.ts"
import { runs } from "../../support/runs.ts"
import { turns, yielding } from "../../support/yieldingStorage.ts"

/** The state is the list of all numbers, so that a missing, repeated or exchanged event shows. */
const Sum = Category.make("sum", { Added: Schema.Struct({ n: Schema.Finite }), Cleared: Schema.Struct({}) })

class TooMany extends Data.TaggedError("TooMany")<{ readonly numbers: ReadonlyArray<number> }> {}

type Command =
  | { readonly do: "add"; readonly numbers: ReadonlyArray<number>; readonly eventId?: string }
  | { readonly do: "clear" }
  | { readonly do: "look" }

const numbersMax = 6

const makeDecider = ({ cache, every, isEffect, mutates }: Setting) =>
  Decider.make({
    name: "sums",
    category: Sum,
    cache,
    initialState: (): Array<number> => [],
    evolve: (numbers, event) => {
      if (event.type === "Cleared") return []
      if (!mutates) return [...numbers, event.data.n]
      numbers.push(event.data.n)
      return numbers
    },
    decide: (command: Command, numbers) => {
      const decided = decideOn(command, numbers)
      if (!isEffect) return decided
      const later = decided instanceof Error ? Effect.fail(decided) : Effect.succeed(decided)
      return Effect.andThen(turns(2), later)
    },
    ...(every === 0 ? {} : { snapshot: { every, state: Schema.mutable(Schema.Array(Schema.Finite)) } })
  })

const decideOn = (command: Command, numbers: ReadonlyArray<number>) => {
  if (command.do === "look") return undefined
  if (command.do === "clear") return numbers.length === 0 ? [] : { type: "Cleared" as const, data: {} }
  if (numbers.length + command.numbers.length > numbersMax) return new TooMany({ numbers: [...numbers] })
  const { eventId, numbers: added } = command
  return added.map((n, at) => ({
    ...(eventId === undefined ? {} : { id: `${eventId}-${at}` }),
    type: "Added" as const,
    data: { n }
  }))
}

const fold = (events: ReadonlyArray<EventStore.RecordedEvent>): ReadonlyArray<number> => {
  const cleared = events.findLastIndex(({ type }) => type === "Cleared")
  return events.slice(cleared + 1).map(({ data }) => (data as { readonly n: number }).n)
}

const setting = fc.record({
  cache: fc.constantFrom(0, 1, 2, 100),
  /** Events between two snapshots; 0 for none. */
  every: fc.constantFrom(0, 1, 3),
  isEffect: fc.boolean(),
  mutates: fc.boolean()
})

type Setting = typeof setting extends fc.Arbitrary<infer A> ? A : never

const id = fc.constantFrom("a", "b", "c")
const numbers = fc.array(fc.nat(9), { minLength: 1, maxLength: 3 })

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("add" as const), id, numbers, commandId: fc.option(fc.nat(5)) })
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("look" as const), id, enforce: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("load" as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("append" as const), id, numbers }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("own ids" as const), id, n: fc.nat(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("both" as const),
      id: fc.constantFrom("a", "b"),
      numbers,
      /** What is done with "c". */
      other: fc.constantFrom("look" as const, "add" as const),
      commandId: fc.option(fc.nat(5))
    })
  }
)

type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

const round = fc.record({
  steps: fc.array(fc.record({ step, before: fc.nat(12) }), { minLength: 1, maxLength: 10 }),
  act: fc.constantFrom("flush", "repack", "nothing", "nothing"),
  turns: fc.nat(20),
  restart: fc.boolean()
})

const plan = fc.record({
  setting,
  rounds: fc.array(round, { minLength: 1, maxLength: 4 }),
  pauses: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
  closeBytes: fc.constantFrom(400, 1 << 20)
})

/** What a step saw: the state after `revision`, and events that end there. */
interface Seen {
  readonly stream: string
  readonly revision: number
  readonly state: ReadonlyArray<number>
  readonly events: ReadonlyArray<Category.EventOf<typeof Sum>>
  /** A command that was rejected: its revision is not known. */
  readonly isRejected?: boolean
  readonly command?: string
  /** A command that adds numbers was accepted. */
  readonly isAdd?: boolean
  readonly repeated?: boolean
  /** Durable events when the step began and when it ended. */
  readonly from: number
  readonly to: number
}

type Store = EventStore.EventStore["Service"]
type Sums = ReturnType<typeof makeDecider>

/** Handles a command; returns nothing if it met a conflict in each of its tries. */
const handle = Effect.fnUntraced(function* (
  store: Store,
  sums: Sums,
  of: string,
  command: Command,
  options: Decider.HandleOptions<typeof Sum>
) {
  const from = yield* store.position
  const found = yield* Effect.result(Decider.handle(sums, of, command, options))
  const [stream, to] = [Sum.stream(of), yield* store.position]
  if (found._tag === "Success") {
    const { events, repeated, revision, state } = found.success
    const named = options.commandId === undefined ? {} : { command: options.commandId }
    const isAdd = command.do === "add"
    return [{ stream, revision, state: [...state], events, repeated, isAdd, ...named, from, to } satisfies Seen]
  }
  // Commands take turns, so only an append past the decider causes a conflict.
  if (found.failure._tag !== "TooMany") {
    assert.strictEqual(found.failure._tag, "WrongExpectedRevision")
    return []
  }
  const { numbers: state } = found.failure
  return [{ stream, revision: -1, state, events: [], isRejected: true, from, to } satisfies Seen]
})

const optionsOf = (commandId: number | null) => (commandId === null ? {} : { commandId: `c${commandId}` })

/** Does a step, and returns what it saw of each aggregate. */
const run = Effect.fnUntraced(function* (store: Store, sums: Sums, given: Step) {
  const stream = Sum.stream(given.id)
  const from = yield* store.position
  switch (given.do) {
    case "append": {
      const events = given.numbers.map((n) => ({ type: "Added" as const, data: { n } }))
      yield* Sum.append(given.id, events)
      return []
    }
    case "load": {
      const { revision, state } = yield* Decider.load(sums, given.id)
      return [{ stream, revision, state: [...state], events: [], from, to: yield* store.position } satisfies Seen]
    }
    case "both": {
      const command = { do: "add", numbers: given.numbers } as const
      const other = given.other === "add" ? command : ({ do: "look" } as const)
      const both = Decider.handleAll(
        [Decider.to(sums, given.id, command), Decider.to(sums, "c", other)],
        optionsOf(given.commandId)
      )
      const found = yield* Effect.result(both)
      if (found._tag === "Failure") return []
      const to = yield* store.position
      // Then the states of all are those of the first time.
      const repeated = found.success.some((one) => one.repeated)
      return found.success.map(({ events, revision, state }, n): Seen => {
        const isAdd = n === 0 || given.other === "add"
        return {
          stream: Sum.stream(n === 0 ? given.id : "c"),
          revision,
          state: [...state],
          events,
          repeated,
          isAdd,
          from,
          to
        }
      })
    }
    case "own ids": {
      const command = { do: "add", numbers: [given.n], eventId: `own-${given.n}` } as const
      return yield* handle(store, sums, given.id, command, {})
    }
    case "add":
      return yield* handle(store, sums, given.id, given, optionsOf(given.commandId))
    case "look":
      return yield* handle(store, sums, given.id, given, { enforce: given.enforce })
    case "clear":
      return yield* handle(store, sums, given.id, given, {})
  }
})

/** Compares what a step saw with the history. */
const judge = (history: ReadonlyArray<EventStore.RecordedEvent>, seen: Seen): void => {
  const own = history.filter(({ stream }) => stream === seen.stream)
  // A state is one that the stream had while the step ran.
  const possible = own
    .map(({ position }, n) => ({ n: n + 1, position }))
    .concat({ n: 0, position: -1 })
    .filter(({ n, position }) => position < seen.to && (own[n]?.position ?? Infinity) >= seen.from)
    .map(({ n }) => JSON.stringify(fold(own.slice(0, n))))
  if (seen.isRejected === true) return assert.include(possible, JSON.stringify(seen.state))
  assert.deepStrictEqual(seen.state, fold(own.slice(0, seen.revision + 1)), "the state is that of the revision")
  const ending = own.slice(seen.revision + 1 - seen.events.length, seen.revision + 1)
  assert.deepStrictEqual(
    seen.events,
    ending.map(({ data, type }) => ({ data, type })) as never,
    "the events are stored"
  )
  if (seen.isAdd === true) assert.isNotEmpty(seen.events, "what an accepted command adds is there")
  if (seen.repeated !== true) assert.include(possible, JSON.stringify(seen.state), "nothing is decided on an old state")
}

describe("deciders", () => {
  it("do what a model without a cache does", { timeout: 60_000 + 1000 * runs }, async () => {
    const counts = { rejected: 0, done: 0, repeated: 0 }
    const property = fc.asyncProperty(plan, ({ closeBytes, pauses, rounds, setting }) =>
      Effect.gen(function* () {
        const storage = yielding(yield* MemoryStorage.make, pauses)
        let session: Session = yield* openSession(storage, "lib", { closeBytes })
        const sums = makeDecider(setting)
        const all: Array<Seen> = []
        for (const { act, restart, steps, turns: wait } of rounds) {
          const store = yield* storeOf(session.lib)
          const fibres = yield* Effect.forEach(steps, ({ before, step }) =>
            Effect.andThen(turns(before), run(store, sums, step)).pipe(
              Effect.provideService(EventStore.EventStore, store),
              Effect.forkDetach
            )
          )
          yield* turns(wait)
          if (act !== "nothing") {
            for (const { name } of yield* session.lib.tapes) {
              const tape = yield* existingTape(session.lib, name)
              yield* act === "flush" ? tape.appendSegment : tape.repack({ targetBytes: 2000 })
            }
          }
          for (const fibre of fibres) {
            const seen = yield* Fiber.join(fibre)
            all.push(...seen)
          }
          if (!restart) continue
          yield* session.close
          session = yield* openSession(storage, "lib", { closeBytes })
        }
        const store = yield* storeOf(session.lib)
        const history = yield* Stream.runCollect(store.readAll())
        const firsts = new Map<string, Seen>()
        for (const seen of all) {
          judge(history, seen)
          counts[seen.isRejected === true ? "rejected" : seen.repeated === true ? "repeated" : "done"]++
          if (seen.command === undefined || seen.events.length === 0) continue
          const key = `${seen.stream} ${seen.command}`
          const { events, revision, state } = firsts.get(key) ?? seen
          assert.deepStrictEqual(
            { events, revision, state },
            { events: seen.events, revision: seen.revision, state: seen.state }
          )
          firsts.set(key, seen)
        }
        // The rule that the decisions rest on holds, unless somebody appended past them.
        const ends = yield* Effect.forEach(["a", "b", "c"], (one) => Decider.load(sums, one)).pipe(
          Effect.provideService(EventStore.EventStore, store)
        )
        for (const [n, { state }] of ends.entries()) {
          assert.deepStrictEqual([...state], fold(history.filter(({ stream }) => stream === `sum-${"abc"[n]!}`)))
        }
        yield* session.close
      }).pipe(Effect.provide(Logger.layer([])), Effect.runPromise)
    )
    await fc.assert(property, { numRuns: Math.ceil(runs / 4) })
    if (runs >= 100)
      assert.isTrue(counts.done > runs && counts.rejected > 0 && counts.repeated > 0, JSON.stringify(counts))
  })
})
