/**
 * Whatever happened to a lib and to its indexes, a query returns what a search through all of its events does: for any
 * query, direction, boundary and limit, from the writer, from a reader, and through a filter.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import { DiskState, SimulatedDisk } from "litetapes/testing"
import { assert, describe, it } from "vitest"
import { Disk } from "../../../../src/services/ports/Disk.ts"
import { collidingTags, collidingTypes } from "../../../support/collidingTerms.ts"
import { existingTape, openSession, type Session, storeOf } from "../../../support/openLib.ts"
import { runs } from "../../../support/runs.ts"
import { withoutTerms } from "../../../support/withoutTerms.ts"

type Store = EventStore.EventStore["Service"]
type Recorded = EventStore.RecordedEvent

const types = ["Made", "Paid", ...collidingTypes]
/** Short ones, one that looks like the end of a line, and two that share a hash. */
const tags = ["a", "b", "ü", '],"time":"', ',"tags":["', ...collidingTags]

const tag = fc.oneof(fc.constantFrom("a", "b"), fc.constantFrom(...tags))

const someOf = (values: ReadonlyArray<string>) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })

const item = fc.oneof(
  fc.record({ types: someOf([...types, "Never"]) }),
  fc.record({ tags: someOf([...tags, "never"]) }),
  fc.record({ tags: fc.uniqueArray(tag, { minLength: 1, maxLength: 2 }) }),
  fc.record({ types: someOf(types), tags: fc.uniqueArray(tag, { minLength: 1, maxLength: 2 }) })
)

const query = fc.array(item, { minLength: 1, maxLength: 3 })

const event = fc.record({
  type: fc.oneof({ weight: 9, arbitrary: fc.constant("Made") }, { weight: 2, arbitrary: fc.constantFrom(...types) }),
  tags: fc.uniqueArray(tag, { maxLength: 3 }),
  data: fc.constantFrom(null, { text: "x".repeat(300) }, { "\u007f": 1e-7, tags: ["a"] })
})

const append = fc.record({
  act: fc.constant("append" as const),
  /** One batch. */
  entries: fc.array(
    fc.record({
      stream: fc.constantFrom("order-1", "order-2", "bill-1", "note"),
      events: fc.array(event, { minLength: 1, maxLength: 4 })
    }),
    { minLength: 1, maxLength: 4 }
  ),
  /** More events of the same kind, so that some segments have more than 64. */
  times: fc.constantFrom(1, 1, 1, 30)
})

const harm = fc.constantFrom("none", "removed", "flipped", "older")

const act = fc.oneof(
  { weight: 5, arbitrary: append },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constantFrom("flush" as const, "repack" as const),
      tape: fc.constantFrom("order", "bill")
    })
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom("close" as const, "kill" as const), harm, at: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant("query" as const),
      query,
      backward: fc.boolean(),
      after: fc.option(fc.nat(100)),
      limit: fc.option(fc.nat(4)),
      inReader: fc.boolean()
    })
  }
)

type Act = typeof act extends fc.Arbitrary<infer A> ? A : never
type Asked = Extract<Act, { readonly act: "query" }>

/** Independent of the implementation on purpose. */
const isWanted = (wanted: Asked["query"], one: Recorded) =>
  wanted.some(
    (each: { readonly types?: ReadonlyArray<string>; readonly tags?: ReadonlyArray<string> }) =>
      (each.types ?? [one.type]).includes(one.type) && (each.tags ?? []).every((tag) => one.tags.includes(tag))
  )

const ask = Effect.fnUntraced(function* (store: Store, asked: Asked) {
  const history = yield* Stream.runCollect(store.readAll())
  const direction = asked.backward ? ("backward" as const) : ("forward" as const)
  const from = asked.after === null ? 0 : Math.min(asked.after, history.length)
  const limit = asked.limit ?? Number.POSITIVE_INFINITY
  const matching = history.slice(from).filter((one) => isWanted(asked.query, one))
  const expected = (asked.backward ? matching.toReversed() : matching).slice(0, limit)
  const [first] = asked.query
  for (let time = 0; time < 2; time++) {
    const all = yield* store.query([{ tags: ["never"] }])
    const after = EventStore.Boundary.decode(all.boundary.encode().replace(/\d+$/, String(from)))
    const limited = asked.limit === null ? {} : { limit: asked.limit }
    const found = yield* store.query(asked.query, { direction, after: from === 0 ? "nothing" : after, ...limited })
    assert.deepStrictEqual(found.events, expected)
    assert.strictEqual(found.boundary.position, history.length)
    const filter = { ...first! }
    const filtered = yield* Stream.runCollect(store.readAll({ from, direction, limit, filter }))
    const alone = history.slice(from).filter((one) => isWanted([filter], one))
    assert.deepStrictEqual(filtered, (asked.backward ? alone.toReversed() : alone).slice(0, limit))
  }
})

const isIndex = (path: string): boolean => path.endsWith(".idx")

/** Damages all indexes of a lib whose writer is gone. */
const damage = (disk: SimulatedDisk.SimulatedDisk, how: "none" | "removed" | "flipped" | "older", at: number): void => {
  if (how === "none") return
  for (const [path, bytes] of DiskState.contents(disk.state())) {
    if (bytes === undefined || !isIndex(path)) continue
    const flipped = Uint8Array.from(bytes)
    flipped[at % flipped.length]! ^= 1 + (at % 255)
    const by = how === "removed" ? undefined : how === "older" ? withoutTerms(bytes) : flipped
    disk.change((state) => DiskState.replaceFile(state, path, by))
  }
}

const storageOn = (disk: SimulatedDisk.SimulatedDisk) => Effect.provideService(FolderStorage.make, Disk, disk.disk)

describe("a query", () => {
  it("returns what a search through all events does", { timeout: 60_000 + 500 * runs }, async () => {
    const plan = fc.record({
      acts: fc.array(act, { minLength: 3, maxLength: 14, size: "max" }),
      closeBytes: fc.constantFrom(3000, 1 << 20, 1 << 20)
    })
    const property = fc.asyncProperty(plan, ({ acts, closeBytes }) =>
      Effect.gen(function* () {
        let disk = SimulatedDisk.make()
        let session: Session = yield* openSession(yield* storageOn(disk), "/lib", { closeBytes })
        const ended: Array<Session> = []
        for (const one of acts) {
          const store = yield* storeOf(session.lib)
          if (one.act === "append") {
            yield* store.appendAll(Array.from({ length: one.times }, () => one.entries).flat())
          } else if (one.act === "query") {
            if (!one.inReader) yield* ask(store, one)
            else {
              const reader = yield* openSession(yield* storageOn(disk), "/lib", { mode: "read" })
              yield* ask(yield* storeOf(reader.lib), one)
              yield* reader.close
            }
          } else if ("tape" in one) {
            const names = (yield* session.lib.tapes).map(({ name }) => name)
            if (!names.includes(one.tape)) continue
            const tape = yield* existingTape(session.lib, one.tape)
            yield* one.act === "flush" ? tape.appendSegment : tape.repack({ targetBytes: 4000 })
          } else {
            if (one.act === "close") yield* session.close
            else ended.push(session)
            const state = disk.state()
            disk = SimulatedDisk.make({ state })
            damage(disk, one.harm, one.at)
            session = yield* openSession(yield* storageOn(disk), "/lib", { closeBytes })
          }
        }
        for (const each of [...ended, session]) yield* each.close
      }).pipe(Effect.provide(Logger.layer([])), Effect.runPromise)
    )
    // Each case opens several libs on a simulated disk.
    await fc.assert(property, { numRuns: Math.ceil(runs / 4) })
  })
})
