/**
 * Of deciders that race, exactly those win whose decision took everything into account: no event before theirs matches
 * their query and is missing from what they read. Shown afterwards, from the recorded history.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type { ConditionFailed } from "litetapes/EventErrors"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { existingTape, openSession, type Session, storeOf } from "../../../support/openLib.ts"
import { runs } from "../../../support/runs.ts"
import { turns, yielding } from "../../../support/yieldingStorage.ts"

type Store = EventStore.EventStore["Service"]
type Recorded = EventStore.RecordedEvent

const types = ["Made", "Paid", "Sent"]
const tags = ["a", "b", "c"]

const someOf = (values: ReadonlyArray<string>, minLength: number) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength, maxLength: 2 })

const item = fc.oneof(
  fc.record({ types: someOf(types, 1) }),
  fc.record({ tags: someOf(tags, 1) }),
  fc.record({ types: someOf(types, 1), tags: someOf(tags, 1) })
)

const query = fc.oneof(
  { weight: 1, arbitrary: fc.constant("all" as const) },
  { weight: 6, arbitrary: fc.array(item, { minLength: 1, maxLength: 3 }) }
)

const newEvents = fc.array(fc.record({ type: fc.constantFrom(...types), tags: fc.subarray(tags) }), {
  minLength: 1,
  maxLength: 3
})

const decider = fc.record({
  query,
  events: newEvents,
  stream: fc.constantFrom("order-1", "order-2", "bill-1", "note"),
  limit: fc.option(fc.integer({ min: 1, max: 3 })),
  backward: fc.boolean(),
  /** Turns of other fibres before the query, and between the query and the append. */
  before: fc.nat(12),
  between: fc.nat(12),
  /** Whether the boundary crosses a wire. */
  encoded: fc.boolean(),
  /** The condition of one append, of the whole call, or of an entry that is not the first. */
  as: fc.constantFrom("append", "call", "entry"),
  /** Whether the decider appends without a condition: others have to notice it. */
  careless: fc.boolean()
})

type Decider = typeof decider extends fc.Arbitrary<infer A> ? A : never

const act = fc.constantFrom("flush", "repack", "nothing", "nothing")

const round = fc.record({
  deciders: fc.array(decider, { minLength: 1, maxLength: 10 }),
  act,
  turns: fc.nat(20),
  restart: fc.boolean()
})

const plan = fc.record({
  rounds: fc.array(round, { minLength: 1, maxLength: 4 }),
  pauses: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
  closeBytes: fc.constantFrom(400, 1200, 1 << 20)
})

/** Independent of the implementation on purpose. */
const isWanted = (wanted: EventStore.Query, event: { readonly type: string; readonly tags: ReadonlyArray<string> }) =>
  wanted === "all" ||
  wanted.some(
    (one) =>
      (one.types ?? [event.type]).includes(event.type) && (one.tags ?? []).every((tag) => event.tags.includes(tag))
  )

interface Decision {
  readonly by: Decider
  readonly seen: ReadonlyArray<Recorded>
  readonly boundary: EventStore.Boundary
  readonly outcome: EventStore.AppendResult | ConditionFailed
}

const decide = Effect.fnUntraced(function* (store: Store, by: Decider) {
  yield* turns(by.before)
  if (by.careless) return void (yield* store.append(by.stream, by.events))
  const direction = by.backward ? ("backward" as const) : ("forward" as const)
  const limited = yield* store.query(by.query, by.limit === null ? { direction } : { direction, limit: by.limit })
  if (!limited.boundary.isDecidable) {
    const condition = { failIfEventsMatch: by.query, after: limited.boundary }
    const refused = yield* Effect.flip(store.append(by.stream, by.events, { condition }))
    assert.deepInclude(refused, { _tag: "InvalidArgument", argument: "options.condition.after" })
  }
  const { boundary, events } = limited.boundary.isDecidable ? limited : yield* store.query(by.query)
  yield* turns(by.between)
  const after = by.encoded ? EventStore.Boundary.decode(boundary.encode()) : boundary
  const condition = { failIfEventsMatch: by.query, after }
  const outcome = yield* Effect.catchTag(appendAs(store, by, condition), "ConditionFailed", (error) =>
    Effect.succeed(error)
  )
  const isReversed = by.backward && limited.boundary.isDecidable
  return { by, seen: isReversed ? events.toReversed() : events, boundary, outcome } satisfies Decision
})

const noted = { stream: "log-1", events: [{ type: "Noted" }] }

/** Appends, in one of the ways to give a condition. In two of them something is appended first that no item matches. */
const appendAs = (store: Store, { as, events, query, stream }: Decider, condition: EventStore.AppendCondition) => {
  // An entry sees the events of the entries before it, and "all" matches them.
  const before = query === "all" ? [] : [noted]
  const index = before.length
  if (as === "append") return store.append(stream, events, { condition })
  return Effect.map(
    as === "call"
      ? store.appendAll([...before, { stream, events }], { condition })
      : store.appendAll([...before, { stream, events, condition }]),
    (results) => results[index]!
  )
}

/** Compares what the deciders saw and got with the history. */
const judge = (history: ReadonlyArray<Recorded>, { boundary, by, outcome, seen }: Decision): void => {
  const known = history.slice(0, boundary.position).filter((event) => isWanted(by.query, event))
  assert.deepStrictEqual(seen, known, "a query returns the events below its boundary that match")
  if (outcome instanceof Error) {
    const event = history[outcome.position!]!
    const { position, revision, stream, type } = outcome
    assert.deepStrictEqual({ position, revision, stream, type }, { ...pick(event) })
    const entry = by.query === "all" ? 0 : 1
    assert.strictEqual(outcome.index, by.as === "entry" ? entry : null)
    assert.isTrue(position! >= boundary.position && isWanted(by.query, event), "an append fails only for a reason")
    return
  }
  const missed = history.slice(boundary.position, outcome.firstPosition).filter((event) => isWanted(by.query, event))
  assert.deepStrictEqual(missed, [], "an append succeeds only if its decision took everything into account")
}

const pick = ({ position, revision, stream, type }: Recorded) => ({ position, revision, stream, type })

describe("conditional appends", () => {
  it("are as if the winners had decided one after the other", { timeout: 60_000 + 1000 * runs }, async () => {
    const counts = { won: 0, lost: 0 }
    const property = fc.asyncProperty(plan, ({ closeBytes, pauses, rounds }) =>
      Effect.gen(function* () {
        const storage = yielding(yield* MemoryStorage.make, pauses)
        let session: Session = yield* openSession(storage, "lib", { closeBytes })
        const decisions: Array<Decision> = []
        for (const { act: done, deciders, restart, turns: wait } of rounds) {
          const store = yield* storeOf(session.lib)
          const fibres = yield* Effect.forEach(deciders, (one) => Effect.forkDetach(decide(store, one)))
          yield* turns(wait)
          if (done !== "nothing") {
            for (const { name } of yield* session.lib.tapes) {
              const tape = yield* existingTape(session.lib, name)
              yield* done === "flush" ? tape.appendSegment : tape.repack({ targetBytes: 2000 })
            }
          }
          for (const fibre of fibres) {
            const decision = yield* Fiber.join(fibre)
            if (decision !== undefined) decisions.push(decision)
          }
          if (!restart) continue
          yield* session.close
          session = yield* openSession(storage, "lib", { closeBytes })
        }
        const history = yield* Stream.runCollect((yield* storeOf(session.lib)).readAll())
        for (const decision of decisions) {
          judge(history, decision)
          counts[decision.outcome instanceof Error ? "lost" : "won"]++
        }
        yield* session.close
      }).pipe(Effect.provide(Logger.layer([])), Effect.runPromise)
    )
    await fc.assert(property, { numRuns: runs })
    if (runs >= 100) assert.isTrue(counts.won > runs && counts.lost > runs / 2, JSON.stringify(counts))
  })
})

const race = fc.record({
  count: fc.integer({ min: 2, max: 64 }),
  mode: fc.constantFrom("barrier before the read", "barrier before the save", "staggered"),
  /**
   * By a query, for one append or several, by a query with a limit that a matching event is beyond, or by the revision of
   * a stream, which is new or has events.
   */
  by: fc.constantFrom("query", "limited query", "several", "new stream", "stream"),
  pauses: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
  closeBytes: fc.constantFrom(400, 1 << 20),
  /** What happens to the files between the query and the append. */
  between: fc.constantFrom("nothing", "flush", "repack"),
  /** Whether another append is being written when the barrier opens, so that the deciders share a batch. */
  isBusy: fc.boolean(),
  /** Events before the race. */
  before: fc.integer({ min: 2, max: 12 })
})

type Race = typeof race extends fc.Arbitrary<infer A> ? A : never

const mail: EventStore.Query = [{ types: ["Registered", "Asked"], tags: ["mail:ada"] }]

const registering = [{ type: "Registered", tags: ["mail:ada"] }]

/** The stream that deciders race for, if they do not race by a query. */
const shared: Readonly<Partial<Record<Race["by"], string>>> = { "new stream": "user-ada", stream: "form-1" }

/** Registers an address unless it is taken; `undefined` if it was too late. */
const register = Effect.fnUntraced(function* (store: Store, n: number, { by, mode }: Race, barrier: Latch.Latch) {
  if (mode === "barrier before the read") yield* barrier.await
  if (mode === "staggered") yield* turns(n % 16)
  let options: EventStore.AppendOptions
  const stream = shared[by] ?? `user-${n}`
  if (by === "new stream" || by === "stream") {
    const revision = yield* store.revision(stream)
    if (by === "new stream" && revision !== "no-stream") return undefined
    const read = yield* Stream.runCollect(store.read(stream))
    if (read.some(({ type }) => type === "Registered")) return undefined
    options = { expected: revision }
  } else {
    let found = yield* store.query(mail, by === "limited query" ? { limit: 1, direction: "backward" } : {})
    if (!found.boundary.isDecidable) found = yield* store.query(mail)
    if (found.events.some(({ type }) => type === "Registered")) return undefined
    options = { condition: { failIfEventsMatch: mail, after: found.boundary } }
  }
  if (mode === "barrier before the save") yield* barrier.await
  const appending: Effect.Effect<unknown, EventStore.EventAppendError> =
    by === "several"
      ? store.appendAll([noted, { stream, events: registering }, noted], options)
      : store.append(stream, registering, options)
  return yield* Effect.catchIf(
    appending,
    (error) => error._tag === "ConditionFailed" || error._tag === "WrongExpectedRevision",
    () => Effect.succeed(undefined)
  )
})

describe("of 2 to 64 deciders that race", () => {
  it("exactly one wins, every time", { timeout: 60_000 + 1000 * runs }, async () => {
    const property = fc.asyncProperty(race, (drawn) =>
      Effect.gen(function* () {
        const { before, between, closeBytes, count, isBusy, mode, pauses } = drawn
        const session = yield* openSession(yielding(yield* MemoryStorage.make, pauses), "lib", { closeBytes })
        const store = yield* storeOf(session.lib)
        for (let n = 0; n < before; n++)
          yield* store.append("form-1", [{ type: "Asked", tags: [`mail:${n % 2 === 0 ? "ada" : "bob"}`] }])
        const barrier = yield* Latch.make(false)
        const fibres = yield* Effect.forEach(Array.from({ length: count }), (_, n) =>
          Effect.forkDetach(register(store, n, drawn, barrier))
        )
        if (mode !== "staggered") yield* turns(200)
        if (between !== "nothing") {
          const tape = yield* existingTape(session.lib, "form")
          yield* between === "flush" ? tape.appendSegment : Effect.andThen(tape.appendSegment, tape.repack())
        }
        if (isBusy) {
          // The writer keeps events in memory once it has seen a condition.
          yield* store.append("form-1", [], {
            condition: { failIfEventsMatch: [{ tags: ["none"] }], after: "nothing" }
          })
          yield* Effect.forkDetach(store.append("form-2", [{ type: "Noted" }]))
          yield* Effect.yieldNow
        }
        yield* barrier.open
        const results = yield* Effect.forEach(fibres, (fibre) => Fiber.join(fibre))
        assert.lengthOf(
          results.filter((one) => one !== undefined),
          1
        )
        const winners = yield* Stream.runCollect(store.readAll({ filter: { types: ["Registered"] } }))
        assert.lengthOf(winners, 1)
        yield* session.close
      }).pipe(Effect.provide(Logger.layer([])), Effect.runPromise)
    )
    await fc.assert(property, { numRuns: runs })
  })
})
