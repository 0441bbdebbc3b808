/**
 * Tapes of events whose files change all the time: streams and positions stay the same, and the store keeps working.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import { assert, describe, it } from "vitest"
import { copyLib } from "../../../../support/copyLib.ts"
import { hiding } from "../../../../support/hidingStorage.ts"
import { existingTape, openSession, type Session, type StorageService } from "../../../../support/openLib.ts"
import { repackOptions } from "../../../../support/transformOps.ts"
import { watched, type Watched } from "../../../../support/watchedStorage.ts"
import { runs } from "../../../../support/runs.ts"

const streams = ["order-1", "order-2", "bill-1", "bill-2"]
const tapes = ["order", "bill"]

type Op =
  | { readonly op: "append"; readonly streams: ReadonlyArray<string>; readonly bytes: number }
  | { readonly op: "flush" | "clone"; readonly tape: string }
  | { readonly op: "repack"; readonly tape: string; readonly options: Tape.RepackOptions }
  | { readonly op: "reopen" | "crash" }
  | { readonly op: "recover"; readonly tape: string; readonly crash: boolean }
  | { readonly op: "recoverLib"; readonly crash: boolean }

const tape = fc.constantFrom(...tapes)

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record<Extract<Op, { op: "append" }>>({
      op: fc.constant("append"),
      streams: fc.array(fc.constantFrom(...streams), { minLength: 1, maxLength: 6 }),
      bytes: fc.nat(600)
    })
  },
  {
    weight: 4,
    arbitrary: fc.record<Extract<Op, { op: "flush" | "clone" }>>({
      op: fc.constantFrom("flush", "flush", "clone"),
      tape
    })
  },
  {
    weight: 5,
    arbitrary: fc.record<Extract<Op, { op: "repack" }>>({ op: fc.constant("repack"), tape, options: repackOptions })
  },
  { weight: 2, arbitrary: fc.constantFrom<Op>({ op: "reopen" }, { op: "crash" }) },
  {
    weight: 2,
    arbitrary: fc.record<Extract<Op, { op: "recover" }>>({ op: fc.constant("recover"), tape, crash: fc.boolean() })
  },
  {
    weight: 1,
    arbitrary: fc.record<Extract<Op, { op: "recoverLib" }>>({ op: fc.constant("recoverLib"), crash: fc.boolean() })
  }
)

interface Event {
  readonly stream: string
  readonly revision: number
  readonly position: number
  readonly data: unknown
}

const plain = ({ stream, revision, position, data }: EventStore.RecordedEvent): Event => ({
  stream,
  revision,
  position,
  data
})

class Run {
  readonly #base: StorageService
  readonly #hiding: ReturnType<typeof hiding>
  readonly #events: Array<Event> = []
  #place = "place"
  #copies = 0
  #clones = 0
  #watch: Watched
  #session!: Session
  #store!: EventStore.EventStore["Service"]

  constructor(base: StorageService) {
    this.#base = base
    this.#hiding = hiding(base)
    this.#watch = watched(this.#hiding.storage)
  }

  all(ops: ReadonlyArray<Op>) {
    return Effect.gen({ self: this }, function* () {
      yield* this.#open
      for (const op of ops) {
        yield* this.#step(op)
        yield* this.#compare
      }
      yield* this.#reopen
      yield* this.#compare
      assert.deepStrictEqual((yield* this.#session.lib.verify()).bad, [])
    }).pipe(Effect.ensuring(Effect.suspend(() => this.#session.close)))
  }

  readonly #open = Effect.gen({ self: this }, function* () {
    this.#watch = watched(this.#hiding.storage)
    this.#session = yield* openSession(this.#watch.storage, this.#place, { closeBytes: 3000, backlogMax: 2 })
    this.#store = yield* Effect.provideService(EventStore.make, Lib.Lib, this.#session.lib)
  })

  readonly #reopen = Effect.andThen(
    Effect.suspend(() => this.#session.close),
    this.#open
  )

  #leave(crash: boolean) {
    return Effect.gen({ self: this }, function* () {
      const from = this.#place
      if (crash) {
        this.#place = `copy-${(this.#copies += 1)}`
        yield* this.#watch.frozen(copyLib(this.#base, from, this.#place))
      }
      yield* this.#session.close
    })
  }

  readonly #step = Effect.fnUntraced({ self: this }, function* (this: Run, op: Op) {
    const { lib } = this.#session
    const has = "tape" in op && (yield* lib.tapes).some(({ name }) => name === op.tape)
    switch (op.op) {
      case "append":
        return yield* this.#append(op.streams, op.bytes)
      case "reopen":
        return yield* this.#reopen
      case "crash":
        yield* this.#leave(true)
        return yield* this.#open
      case "recoverLib":
        yield* this.#leave(op.crash)
        this.#hiding.hide(this.#place, undefined)
        assert.deepInclude(yield* Effect.provideService(Lib.recover(this.#place), Storage, this.#hiding.storage), {
          invalid: [],
          positionsMissing: 0
        })
        return yield* this.#open
      case "flush":
        if (has) yield* Effect.flatMap(existingTape(lib, op.tape), (tape) => tape.appendSegment)
        return
      case "repack":
        if (has) yield* Effect.flatMap(existingTape(lib, op.tape), (tape) => tape.repack(op.options))
        return
      case "clone":
        if (has && this.#clones < 2) yield* this.#clone(op.tape)
        return
      case "recover":
        if (!has) return
        yield* this.#leave(op.crash)
        this.#hiding.hide(this.#place, op.tape)
        yield* this.#open
        // No event repeats another, so nothing is ever ambiguous.
        // A crash during a merge leaves its output, which may be dropped. All events are compared afterwards.
        assert.deepInclude(yield* this.#session.lib.recoverTape(op.tape), { lost: [], gaps: [] })
        return
    }
  })

  readonly #append = Effect.fnUntraced(
    { self: this },
    function* (this: Run, names: ReadonlyArray<string>, bytes: number) {
      const data = { text: "x".repeat(bytes) }
      const results = yield* this.#store.appendAll(
        names.map((stream) => ({ stream, events: [{ type: "Added", data }] }))
      )
      for (const [index, stream] of names.entries()) {
        const revision = this.#events.filter((event) => event.stream === stream).length
        assert.deepInclude(results[index]!, { firstRevision: revision, firstPosition: this.#events.length })
        this.#events.push({ stream, revision, position: this.#events.length, data })
      }
    }
  )

  readonly #clone = Effect.fnUntraced({ self: this }, function* (this: Run, name: string) {
    const { lib } = this.#session
    const tape = yield* existingTape(lib, name)
    const as = `clone-${(this.#clones += 1)}`
    assert.strictEqual((yield* tape.clone(lib, as)).role, "records")
    const clone = yield* existingTape(lib, as)
    assert.isTrue(yield* Tape.equivalent(tape, clone))
    const { size } = tape
    assert.strictEqual((yield* clone.append([{ mine: 1 }])).firstOrdinal, yield* size)
    assert.isFalse(yield* Tape.equivalent(tape, clone))
  })

  readonly #compare = Effect.gen({ self: this }, function* () {
    const store = this.#store
    for (const direction of ["forward", "backward"] as const) {
      const ordered = <A>(all: ReadonlyArray<A>) => (direction === "forward" ? [...all] : all.toReversed())
      const found = yield* Stream.runCollect(store.readAll({ direction }))
      assert.deepStrictEqual(found.map(plain), ordered(this.#events))
      for (const stream of streams) {
        const read = yield* Stream.runCollect(store.read(stream, { direction }))
        assert.deepStrictEqual(read.map(plain), ordered(this.#events.filter((event) => event.stream === stream)))
      }
    }
  })
}

describe("an event store whose tapes are flushed, repacked, cloned, recovered, closed and lost", () => {
  it("reads its streams, and all events, as they were appended", { timeout: 60_000 + 1000 * runs }, async () => {
    const property = fc.asyncProperty(fc.array(op, { minLength: 1, maxLength: 20, size: "max" }), (ops) =>
      Effect.runPromise(
        Effect.provide(
          Effect.flatMap(MemoryStorage.make, (storage) => new Run(storage).all(ops)),
          Logger.layer([])
        )
      )
    )
    await fc.assert(property, { numRuns: runs })
  })
})
