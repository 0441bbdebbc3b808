/**
 * Whatever happened to the types of a category, every reader sees what a rewritten history would show. A program changes again
 * and again: types get new versions, other names, become one, are retired. Each program in between appends events.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { runs } from "../../../support/runs.ts"

const fresh = Layer.provide(EventStore.layer("place"), MemoryStorage.layer)

/** Data of every type in every version. `at` names both, so that no schema takes the data of another one. */
interface Data {
  readonly v: number
  readonly at: string
}

const dataOf = (at: string): Schema.Codec<Data, unknown> => Schema.Struct({ v: Schema.Int, at: Schema.Literal(at) })

/** A type of the program. Its names change, `key` does not. */
interface Type {
  readonly key: string
  readonly name: string
  readonly formers: ReadonlyArray<string>
  readonly version: number
  readonly versions: Category.Versions<Data>
  readonly isRetired: boolean
}

/** An event as it would be stored if the history was rewritten with every change. */
interface Rewritten {
  readonly key: string
  readonly v: number
}

interface Step {
  readonly kind: "append" | "next" | "rename" | "merge" | "retire" | "add"
  readonly which: number
  readonly other: number
  readonly factor: number
  readonly summand: number
}

const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.record({
    kind: fc.constantFrom("append", "append", "append", "next", "next", "rename", "merge", "retire", "add"),
    which: fc.nat(20),
    other: fc.nat(20),
    factor: fc.integer({ min: 1, max: 9 }),
    summand: fc.nat(9)
  }),
  { minLength: 1, maxLength: 16 }
)

const after = ({ factor, summand }: Step, v: number): number => (v * factor + summand) % 1009

class Program {
  types: ReadonlyArray<Type> = []
  rewritten: ReadonlyArray<Rewritten> = []
  #names = 0

  constructor() {
    this.add()
  }

  add(): void {
    const key = `key${this.types.length}.${(this.#names += 1)}`
    const versions = Category.versions(dataOf(`${key}/1`))
    this.types = [...this.types, { key, name: key, formers: [], version: 1, versions, isRetired: false }]
  }

  category() {
    const entries = (isRetired: boolean) =>
      Object.fromEntries(
        this.types.filter((type) => type.isRetired === isRetired).map((type) => [type.name, type.versions])
      )
    const renamed = this.types.flatMap(({ formers, name }) => formers.map((former) => [former, name] as const))
    return Category.make("thing", entries(false), { retired: entries(true), renamed: Object.fromEntries(renamed) })
  }

  at(index: number): Type {
    return this.types[index % this.types.length]!
  }

  nameOf(key: string): string {
    return this.types.find((type) => type.key === key)!.name
  }

  present(event: Rewritten) {
    const { key, name, version } = this.types.find((type) => type.key === event.key)!
    return { type: name, data: { v: event.v, at: `${key}/${version}` } }
  }

  change(step: Step): void {
    const type = this.at(step.which)
    const put = (changed: Type) => {
      this.types = this.types.map((one) => (one.key === changed.key ? changed : one))
    }
    switch (step.kind) {
      case "add":
        return this.add()
      case "retire":
        return put({ ...type, isRetired: true })
      case "rename":
        return put({ ...type, name: `${type.key}_${(this.#names += 1)}`, formers: [...type.formers, type.name] })
      case "next": {
        const at = `${type.key}/${type.version + 1}`
        put({
          ...type,
          version: type.version + 1,
          versions: type.versions.next(dataOf(at), ({ v }) => ({ v: after(step, v), at }))
        })
        this.rewritten = this.rewritten.map((one) => (one.key === type.key ? { ...one, v: after(step, one.v) } : one))
        return
      }
      case "merge": {
        const into = this.at(step.other)
        if (into.key === type.key) return
        const at = `${into.key}/${into.version}`
        const upcast = ({ v }: Data) => ({ v: after(step, v), at })
        const versions = [type.name, ...type.formers].reduce(
          (merged, former) => merged.merge(former, type.versions, upcast),
          into.versions
        )
        put({ ...into, versions })
        this.types = this.types.filter(({ key }) => key !== type.key)
        this.rewritten = this.rewritten.map((one) =>
          one.key === type.key ? { key: into.key, v: after(step, one.v) } : one
        )
      }
    }
  }
}

/** Runs the programs, one after the other. Returns the last one, and the categories of all of them. */
const live = Effect.fnUntraced(function* (history: ReadonlyArray<Step>) {
  const program = new Program()
  const categories = [program.category()]
  for (const step of history) {
    if (step.kind !== "append") {
      program.change(step)
      categories.push(program.category())
      continue
    }
    const { isRetired, key, name, version } = program.at(step.which)
    if (isRetired) continue
    const id = `event-${program.rewritten.length}`
    const data = { v: step.other, at: `${key}/${version}` }
    yield* categories.at(-1)!.append("1", [{ type: name, data, id, metadata: { user: "ada" } }])
    program.rewritten = [...program.rewritten, { key, v: step.other }]
  }
  return { program, categories, last: categories.at(-1)! }
})

const form = ({ data, type }: { readonly type: string; readonly data: unknown }) => ({ type, data })

type Lived = Effect.Success<ReturnType<typeof live>>

/** Every reader sees what a rewritten history would show. */
const readAsRewritten = ({ last, program }: Lived) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const expected = program.rewritten.map((event) => program.present(event))
    const all = yield* Stream.runCollect(last.readAll())
    assert.deepStrictEqual(all.map(form), expected)
    // The version is that of the store, and no part of the metadata.
    for (const event of all) assert.deepStrictEqual<object>(event.metadata, { user: "ada" })
    const backward = yield* Stream.runCollect(last.read("1", { direction: "backward", limit: 3 }))
    assert.deepStrictEqual(backward.map(form), expected.toReversed().slice(0, 3))
    for (const [revision, wanted] of expected.entries()) {
      const found = yield* store.find("thing-1", `event-${revision}`)
      assert.deepStrictEqual(form(yield* last.decode(found!)), wanted)
    }
    for (const { name } of program.types) {
      const wanted = expected.filter(({ type }) => type === name)
      const types = [name] as never
      const filtered = yield* Stream.runCollect(last.readAll({ filter: { types } }))
      assert.deepStrictEqual(filtered.map(form), wanted)
      const queried = yield* last.query([{ types }])
      assert.deepStrictEqual(queried.events.map(form), wanted)
      if (wanted.length === 0) continue
      const live = last.subscribe({ filter: { types } })
      const decoded = Stream.mapEffect(store.subscribe({ filter: last.filter({ types }) }), last.decode)
      for (const subscription of [live, decoded]) {
        const subscribed = yield* Stream.runCollect(Stream.take(subscription, wanted.length))
        assert.deepStrictEqual(subscribed.map(form), wanted)
      }
    }
  })

/** An older program reads the events that it knows, and no others. */
const neverMisread = ({ categories }: Lived) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const stored = yield* Stream.runCollect(store.readAll())
    const older = categories[Math.floor(categories.length / 2)]!
    const known = new Set(older.storedTypes().map(({ name, version }) => `${name}/${version}`))
    const events = yield* Stream.runCollect(older.readAll({ unreadable: "raw" }))
    assert.strictEqual(events.length, stored.length)
    for (const [at, event] of events.entries()) {
      const version = Number(stored[at]!.metadata["schemaVersion"] ?? 1)
      assert.strictEqual(event.raw !== true, known.has(`${stored[at]!.type}/${version}`))
      if (event.raw !== true) continue
      // As it is stored.
      const { error, raw, ...rest } = event
      assert.deepStrictEqual(rest, stored[at])
      assert.include([undefined, version], error.storedVersion)
    }
  })

/** Events that are appended again as they are read now are repeats, and others are conflicts. */
const repeated = ({ last, program }: Lived) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const end = yield* store.position
    for (const [revision, rewritten] of program.rewritten.entries()) {
      if (program.types.find(({ key }) => key === rewritten.key)!.isRetired) continue
      const event = { ...program.present(rewritten), id: `event-${revision}` }
      const again = yield* last.append("1", [event])
      assert.deepInclude(again, { repeated: true, firstRevision: revision, lastRevision: revision })
      const other = { ...event, data: { ...event.data, v: event.data.v + 1 } }
      const refused = yield* Effect.result(last.append("1", [other]))
      assert.deepInclude(Result.isFailure(refused) ? refused.failure : refused, {
        _tag: "EventIdConflict",
        why: "other-content"
      })
    }
    assert.strictEqual(yield* store.position, end)
  })

describe("the events of a category whose types changed", () => {
  it("are read as if they had been rewritten, never misread by an older program, and repeats as they are read now", () =>
    fc.assert(
      fc.asyncProperty(steps, (history) =>
        Effect.gen(function* () {
          const lived = yield* live(history)
          yield* readAsRewritten(lived)
          yield* neverMisread(lived)
          yield* repeated(lived)
        }).pipe(Effect.provide(fresh), Effect.runPromise)
      ),
      { numRuns: Math.ceil(runs / 2) }
    ))
})
