/** Appends through another process are done once, whatever the connection loses, and whichever writer gets them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "vitest"
import { readAnswer } from "../../../../src/layers/shared/answerForms.ts"
import { Desk } from "../../../../src/layers/shared/Desk.ts"
import { forwarding } from "../../../../src/layers/shared/forwarding.ts"
import { readRequest } from "../../../../src/layers/shared/requestForms.ts"
import { Requests } from "../../../../src/layers/shared/Requests.ts"
import { accessOf } from "../../../../src/services/internals.ts"
import type { Session } from "../../../../src/services/Sessions.ts"
import { storeOf } from "../../../support/openLib.ts"
import { runs } from "../../../support/runs.ts"

/** What becomes of a request that is sent. After a loss the connection ends, and another one follows. */
type Fate = "answered" | "request lost" | "answer lost" | "sent twice" | "writer replaced"

/** How the events of a call are named: by the store, by the caller, or by a command. */
type Naming = "store" | "caller" | "command"

interface Call {
  readonly naming: Naming
  readonly stream: number
  readonly events: number
  /** Whether the call expects that its stream has no events. */
  readonly isFirst: boolean
}

const fates = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<Fate>("answered") },
    fc.constantFrom<Fate>("request lost", "answer lost", "sent twice", "writer replaced")
  ),
  { maxLength: 24 }
)

const calls = fc.array(
  fc.record<Call>({
    naming: fc.constantFrom<Naming>("store", "caller", "command"),
    stream: fc.nat(2),
    events: fc.integer({ min: 1, max: 3 }),
    isFirst: fc.boolean()
  }),
  { minLength: 1, maxLength: 12 }
)

type Store = EventStore.EventStore["Service"]

const sessionOf = (lib: Lib.Lib["Service"]): Session => accessOf(lib).current as Session

/** A lib whose writer can be replaced by the next one, and a network between it and one store that appends through it. */
class World {
  readonly #storage: Storage["Service"]
  readonly #fates: Array<Fate>
  readonly requests = new Requests("lib", () => 0)
  #writer = Scope.makeUnsafe()
  #desk: Desk | undefined

  constructor(storage: Storage["Service"], fates: ReadonlyArray<Fate>) {
    this.#storage = storage
    this.#fates = [...fates]
  }

  open(scope: Scope.Scope, mode: "read" | "write") {
    return Lib.open("lib", { mode }).pipe(
      Effect.provideService(Storage, this.#storage),
      Effect.provideService(Scope.Scope, scope)
    )
  }

  /** The writer closes, and another one begins. */
  readonly replaceWriter = Effect.gen({ self: this }, function* () {
    yield* Scope.close(this.#writer, Exit.void)
    this.#writer = Scope.makeUnsafe()
    this.#desk = new Desk(sessionOf(yield* this.open(this.#writer, "write")), Context.empty())
    this.requests.aim(this.#send)
  })

  readonly end = Effect.suspend(() => Scope.close(this.#writer, Exit.void))

  readonly #send = (text: string): void => {
    const call = readRequest(text)!
    const desk = this.#desk!
    const fate = this.#fates.shift() ?? "answered"
    const isLost = fate === "answer lost" || fate === "writer replaced"
    const answer = (rest: string): void => {
      const read = readAnswer(`{"number":${call.number},${rest}`)
      assert.isDefined(read)
      if (!isLost) this.requests.answered(read!.number, read!.answer)
    }
    if (fate !== "request lost") desk.request("one", call, answer)
    if (fate === "sent twice") desk.request("one", readRequest(text)!, answer)
    if (fate === "writer replaced") {
      this.requests.aim(undefined)
      Effect.runFork(this.replaceWriter)
    } else if (isLost || fate === "request lost") {
      this.requests.aim(undefined)
      setImmediate(() => this.requests.aim(this.#send))
    }
  }
}

const append = (store: Store, { events, isFirst, naming, stream }: Call, n: number) => {
  const idOf = (at: number) => (naming === "caller" ? { id: `${n}-${at}` } : {})
  return store.append(
    `order-${stream}`,
    Array.from({ length: events }, (_, at) => ({ type: "Placed", data: n, ...idOf(at) })),
    {
      ...(isFirst ? { expected: "no-stream" as const } : {}),
      ...(naming === "command" ? { commandId: `command-${n}` } : {})
    }
  )
}

const runAll = (calls: ReadonlyArray<Call>, fates: ReadonlyArray<Fate>) =>
  Effect.gen(function* () {
    const world = new World(yield* MemoryStorage.make, fates)
    yield* world.replaceWriter
    const reader = yield* world.open(yield* Scope.Scope, "read")
    const role = { attempt: undefined, current: { ...sessionOf(reader), forwards: true }, requests: world.requests }
    const store = forwarding(role, yield* storeOf(reader), (bytes) => new Uint8Array(randomBytes(bytes)))
    const results = yield* Effect.forEach(calls, (call, n) => Effect.result(append(store, call, n)), {
      concurrency: "unbounded"
    })
    const all = yield* Stream.runCollect(store.readAll())
    yield* world.end
    return { results, all }
  }).pipe(Effect.scoped)

describe("an append through another process", () => {
  it("is done once, or refused, whatever is lost, sent twice, or replaced meanwhile", () =>
    fc.assert(
      fc.asyncProperty(calls, fates, async (given, fates) => {
        const { all, results } = await Effect.runPromise(runAll(given, fates))
        let appended = 0
        for (const [n, result] of results.entries()) {
          const { events, isFirst, naming, stream } = given[n]!
          const mine = all.filter(({ data }) => data === n)
          if (Result.isFailure(result)) {
            assert.strictEqual(result.failure._tag, "WrongExpectedRevision")
            assert.isTrue(isFirst)
            assert.deepStrictEqual(mine, [])
            continue
          }
          appended += events
          const { firstPosition, firstRevision, lastPosition, lastRevision, repeated } = result.success
          assert.deepStrictEqual(
            mine.map((event) => [event.stream, event.revision - firstRevision, event.position - firstPosition]),
            Array.from({ length: events }, (_, at) => [`order-${stream}`, at, at])
          )
          assert.deepStrictEqual([lastRevision - firstRevision, lastPosition - firstPosition], [events - 1, events - 1])
          if (isFirst) assert.strictEqual(firstRevision, 0)
          // That the store has sent it again does not concern its caller.
          if (naming === "store") assert.isFalse(repeated)
        }
        assert.strictEqual(all.length, appended)
      }),
      { numRuns: runs }
    ))
})
