/** Runs a sequence of operations on an event store and on its model, and compares their outcomes. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import type { Placement } from "litetapes/Placement"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import { isDeepStrictEqual } from "node:util"
import { assert } from "vitest"
import { type Attempt, EventModel, explain, type ModelEvent, type Outcome } from "./eventModel.ts"
import { attemptOf, type Call, commandIds, type Op } from "./eventOps.ts"
import type { Probe } from "./probedStorage.ts"

type Store = EventStore.EventStore["Service"]

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Fails if the events are not the expected ones. Ids that the store made must be UUIDs; times are the store's own. */
export const assertEvents = (actual: ReadonlyArray<EventStore.RecordedEvent>, expected: ReadonlyArray<ModelEvent>) => {
  const plain = actual.map(({ time, ...event }, i) => {
    assert.isFalse(Number.isNaN(Date.parse(time)))
    if (expected[i] === undefined || expected[i].id !== undefined) return event
    assert.match(event.id, uuid)
    return { ...event, id: undefined }
  })
  assert.deepStrictEqual<ReadonlyArray<object>>(plain, expected)
}

/** Fails unless an event is found by its id, and a command by its own, as in the model. */
const assertFinds = Effect.fnUntraced(function* (
  store: Store,
  model: EventModel,
  { commandId, id, stream }: { readonly stream: string; readonly id: string; readonly commandId: string }
) {
  const [event, expected] = [yield* store.find(stream, id), model.find(stream, id)]
  assertEvents(event === undefined ? [] : [event], expected === undefined ? [] : [expected])
  const result: object | undefined = yield* store.findCommand(stream, commandId)
  assert.deepStrictEqual(result, model.findCommand(stream, commandId))
})

/** Fails unless everything that can be read is what the model contains. */
export const assertWhole = Effect.fnUntraced(function* (store: Store, model: EventModel) {
  assert.strictEqual(yield* store.position, model.events.length)
  for (const direction of ["forward", "backward"] as const) {
    const all = yield* Stream.runCollect(store.readAll({ direction }))
    assertEvents(all, model.readAll({ direction }))
    assert.strictEqual(new Set(all.map(({ stream, id }) => JSON.stringify([stream, id]))).size, all.length)
    for (const stream of [...model.streams.keys(), "order-0"]) {
      const read = yield* Stream.runCollect(store.read(stream, { direction }))
      assertEvents(read, model.read(stream, { direction }))
    }
  }
  for (const category of new Set([...model.streams.keys()].map((stream) => stream.split("-")[0]!))) {
    const options = { filter: { categories: [category] } }
    assertEvents(yield* Stream.runCollect(store.readAll(options)), model.readAll(options))
  }
  for (const stream of [...model.streams.keys(), "order-0"]) {
    const revision = model.revision(stream)
    assert.strictEqual(yield* store.revision(stream), revision === -1 ? "no-stream" : revision)
    for (const [n, commandId] of commandIds.entries()) {
      yield* assertFinds(store, model, { stream, commandId, id: model.read(stream).at(-n)?.id ?? "none" })
    }
  }
})

const isOutcome = (exit: Exit.Exit<unknown, { readonly _tag: string }>, outcome: Outcome): boolean => {
  if (Exit.isSuccess(exit)) return outcome._tag === "Appended" && isDeepStrictEqual(exit.value, outcome.results)
  const error = Cause.squash(exit.cause) as { readonly [key: string]: unknown }
  return Object.entries(outcome).every(([key, value]) => isDeepStrictEqual(error[key], value))
}

const shown = (exit: Exit.Exit<unknown, unknown>): string =>
  JSON.stringify(Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))

export class Run {
  readonly model: EventModel
  readonly #probe: Probe
  #location: string
  #options: Lib.Options
  /** Earlier calls, to be repeated. */
  readonly #history: Array<Attempt> = []
  /** Streams that this writer has appended to, and so need no look-up. */
  readonly #warm = new Set<string>()
  #store!: Store
  #scope!: Scope.Closeable
  #reader: Store | undefined
  #readerScope = Scope.makeUnsafe()

  constructor(probe: Probe, location: string, placement: Placement, options: Lib.Options) {
    this.#probe = probe
    this.#location = location
    this.#options = { ...options, placement }
    this.model = new EventModel(placement)
  }

  /** Runs all operations, then compares everything in the writer, the next writer and the reader. */
  all(ops: ReadonlyArray<Op>) {
    const steps = Effect.gen({ self: this }, function* () {
      yield* this.#open
      for (const op of ops) yield* this.#step(op)
      yield* assertWhole(this.#store, this.model)
      yield* this.#reopen
      yield* assertWhole(this.#store, this.model)
      yield* this.#look
    })
    const end = Effect.suspend(() =>
      Effect.andThen(Scope.close(this.#scope, Exit.void), Scope.close(this.#readerScope, Exit.void))
    )
    return Effect.ensuring(steps, end).pipe(Effect.provideService(Storage, this.#probe.storage))
  }

  readonly #open = Effect.gen({ self: this }, function* () {
    this.#scope = yield* Scope.make()
    this.#store = yield* Scope.provide(EventStore.open(this.#location, this.#options), this.#scope)
    this.#warm.clear()
  })

  readonly #reopen = Effect.andThen(
    Effect.suspend(() => Scope.close(this.#scope, Exit.void)),
    this.#open
  )

  readonly #look = Effect.gen({ self: this }, function* () {
    if (this.#reader === undefined) {
      const open = EventStore.open(this.#location, { ...this.#options, mode: "read" })
      this.#reader = yield* Scope.provide(open, this.#readerScope)
    } else {
      yield* this.#reader.lib.refresh
    }
    yield* assertWhole(this.#reader, this.model)
  })

  readonly #step = Effect.fnUntraced({ self: this }, function* (this: Run, op: Op) {
    switch (op.kind) {
      case "call":
        return yield* this.#together([op.call])
      case "together":
        return yield* this.#together(op.calls)
      case "flush":
      case "archive":
      case "activate":
        return yield* this.#onTape(op.kind, op.pick)
      case "reopen":
        return yield* this.#reopen
      case "crash":
        this.#probe.broken = true
        yield* Scope.close(this.#scope, Exit.void)
        this.#probe.broken = false
        return yield* this.#open
      case "reader":
        return yield* this.#look
      case "copy":
        return yield* this.#copy(op.placement, op.beside)
      case "find":
        return yield* assertFinds(this.#store, this.model, op)
      case "read": {
        const events = yield* Stream.runCollect(this.#store.read(op.stream, op.options))
        return assertEvents(events, this.model.read(op.stream, op.options))
      }
      case "readAll": {
        const events = yield* Stream.runCollect(this.#store.readAll(op.options))
        return assertEvents(events, this.model.readAll(op.options))
      }
    }
  })

  /** Copies the lib to another placement, from the writer or from a reader, and continues in the copy. */
  readonly #copy = Effect.fnUntraced({ self: this }, function* (this: Run, placement: Placement, beside: boolean) {
    if (beside) yield* this.#look
    const { lib } = beside ? this.#reader! : this.#store
    const to = `${this.#location}-copy`
    const report = yield* lib.copy(to, { placement })
    const { length } = this.model.events
    assert.deepInclude(report, { events: length, position: length })
    yield* Scope.close(this.#scope, Exit.void)
    yield* Scope.close(this.#readerScope, Exit.void)
    this.#readerScope = yield* Scope.make()
    this.#reader = undefined
    this.#location = to
    this.#options = { ...this.#options, placement }
    this.model.moveTo(placement)
    yield* this.#open
    assert.strictEqual(this.#store.lib.id, report.lib)
    assert.deepStrictEqual((yield* this.#store.lib.verify()).bad, [])
    yield* assertWhole(this.#store, this.model)
  })

  readonly #onTape = Effect.fnUntraced(
    { self: this },
    function* (this: Run, kind: "flush" | "archive" | "activate", pick: number) {
      const { lib } = this.#store
      const tapes = yield* lib.tapes
      const name = tapes[pick % tapes.length]?.name
      if (name === undefined) return
      if (kind === "flush") {
        const tape = yield* Effect.provideService(Tape.make(name), Lib.Lib, lib)
        yield* tape.appendSegment
      } else {
        yield* lib[kind](name)
        if (kind === "archive") this.model.archived.add(name)
        else this.model.archived.delete(name)
      }
    }
  )

  /** Runs calls concurrently, and checks that some order of them gives the same outcomes in the model. */
  readonly #together = Effect.fnUntraced({ self: this }, function* (this: Run, calls: ReadonlyArray<Call>) {
    const attempts = calls.map((call) => attemptOf(call, this.model, this.#history))
    const exits = yield* Effect.all(
      attempts.map((attempt) => Effect.exit(append(this.#store, attempt))),
      { concurrency: "unbounded" }
    )
    const order = explain(this.model, attempts, (call, outcome) => isOutcome(exits[call]!, outcome))
    assert(order !== undefined, `no order explains ${exits.map(shown).join(" and ")}`)
    this.#assertCallOrder(attempts, exits)
    for (const [index, exit] of exits.entries()) {
      if (Exit.isFailure(exit)) continue
      for (const { stream } of attempts[index]!.appends) this.#warm.add(stream)
    }
    this.#history.push(...attempts)
  })

  /** If no stream needs a look-up, positions are given in the order of the calls. */
  #assertCallOrder(
    attempts: ReadonlyArray<Attempt>,
    exits: ReadonlyArray<Exit.Exit<ReadonlyArray<EventStore.AppendResult>, unknown>>
  ): void {
    const positions = exits.flatMap((exit, call) =>
      Exit.isSuccess(exit) && this.#isImmediate(attempts[call]!)
        ? exit.value.map(({ firstPosition }) => firstPosition).filter((position) => position !== -1)
        : []
    )
    assert.deepStrictEqual(
      positions,
      positions.toSorted((a, b) => a - b)
    )
  }

  #isImmediate({ appends, commandId }: Attempt): boolean {
    if (commandId !== undefined) return false
    return appends.every(({ events, stream }) => this.#warm.has(stream) && events.every(({ id }) => id === undefined))
  }
}

const append = (store: Store, { appends, ...options }: Attempt) => {
  if (appends.length !== 1) return store.appendAll(appends, options)
  const { events, expected, stream } = appends[0]!
  const one = store.append(stream, events, { ...options, ...(expected === undefined ? {} : { expected }) })
  return Effect.map(one, (result) => [result])
}
