/** Snapshots of deciders: a state is the same with them, without them, and whatever has become of them. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { type DerivedFiles, Storage, StorageError } from "litetapes/Storage"
import { createHash } from "node:crypto"
import { assert, describe } from "vitest"
import { changeRoot } from "../support/changeRoot.ts"
import { openSession, storeOf } from "../support/openLib.ts"

const Log = Category.make("log", { Noted: Schema.Struct({ n: Schema.Int }) })

type Noted = Category.EventOf<typeof Log>

type Numbers = ReadonlyArray<number>

class Counted {
  readonly n: number

  constructor(n: number) {
    this.n = n
  }
}

/** `folds` counts the calls of `evolve`. */
const makeLogs = (
  given: { readonly version?: number; readonly every?: number; readonly name?: string; readonly cache?: number } = {}
) => {
  const counts = { folds: 0 }
  const logs = Decider.make({
    name: given.name ?? "logs",
    category: Log,
    version: given.version ?? 1,
    cache: given.cache ?? 0,
    initialState: (): Numbers => [],
    evolve: (numbers, { data }) => {
      counts.folds++
      return [...numbers, data.n]
    },
    decide: (n: number) => (n < 0 ? undefined : { type: "Noted", data: { n } }),
    snapshot: { every: given.every ?? 5, state: Schema.Array(Schema.Int) }
  })
  return { logs, counts }
}

const upTo = (end: number): Numbers => Array.from({ length: end }, (_, n) => n)

/** Opens a lib, notes the numbers `[from, to)`, and closes it. */
const note = (storage: Storage["Service"], from: number, to: number, { logs } = makeLogs(), location = "lib") =>
  Effect.gen(function* () {
    const { close, lib } = yield* openSession(storage, location)
    const within = Effect.provideService(EventStore.EventStore, yield* storeOf(lib))
    for (let n = from; n < to; n++) yield* within(Decider.handle(logs, "1", n))
    yield* close
  })

/** Returns the numbers as a new session knows them, and how many events it folded for that. */
const read = (storage: Storage["Service"], made = makeLogs(), location = "lib", mode: "read" | "write" = "write") =>
  Effect.gen(function* () {
    const { close, lib } = yield* openSession(storage, location, { mode })
    const within = Effect.provideService(EventStore.EventStore, yield* storeOf(lib))
    const before = made.counts.folds
    const { state } = yield* within(Decider.load(made.logs, "1"))
    yield* close
    return { state, folds: made.counts.folds - before }
  })

/** Uses the snapshots of a lib that is closed. */
const withFiles = <A>(
  storage: Storage["Service"],
  use: (derived: DerivedFiles, names: ReadonlyArray<string>) => Effect.Effect<A, StorageError>,
  location = "lib"
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { derived } = yield* storage.open(location, "write")
      return yield* use(derived, yield* derived.list(undefined, "snapshot"))
    })
  )

const keyOf = (name: string) => ({ tape: undefined, kind: "snapshot", name })

const bytesIn = (storage: Storage["Service"], location = "lib") =>
  withFiles(storage, (derived, names) => derived.get(keyOf(names[0]!), 1 << 20), location)

const put = (storage: Storage["Service"], bytes: Uint8Array, location = "lib") =>
  withFiles(storage, (derived, names) => derived.put(keyOf(names[0]!), bytes), location)

const test = (title: string, body: (storage: Storage["Service"]) => Effect.Effect<void, unknown>) =>
  it.effect(title, () => Effect.flatMap(MemoryStorage.make, body).pipe(Effect.provide(Logger.layer([]))))

describe("a snapshot", () => {
  test("saves folding all events before it, in a writer and in a reader", (storage) =>
    Effect.gen(function* () {
      yield* note(storage, 0, 12)
      // The newest one was written after ten events.
      for (const mode of ["read", "write"] as const) {
        assert.deepStrictEqual(yield* read(storage, makeLogs(), "lib", mode), { state: upTo(12), folds: 2 })
      }
      yield* withFiles(storage, (_, names) => Effect.sync(() => assert.lengthOf(names, 1)))
    }))

  test("is written once for so many events, also while they are only read", (storage) =>
    Effect.gen(function* () {
      const without = makeLogs({ every: 1000 })
      yield* note(storage, 0, 12, without)
      assert.strictEqual((yield* read(storage)).folds, 12)
      assert.strictEqual((yield* read(storage)).folds, 0)
      yield* note(storage, 12, 16, makeLogs({ cache: 10 }))
      assert.strictEqual((yield* read(storage)).folds, 4)
    }))

  test("is not trusted, and written again, if it is missing, damaged, cut off or empty", (storage) =>
    Effect.gen(function* () {
      yield* note(storage, 0, 12)
      const whole = (yield* bytesIn(storage))!
      for (let at = 0; at < whole.length; at += 7) {
        const flipped = Uint8Array.from(whole)
        flipped[at]! ^= 1
        yield* put(storage, flipped)
        assert.deepStrictEqual(yield* read(storage), { state: upTo(12), folds: 12 }, `byte ${at}`)
        assert.strictEqual((yield* read(storage)).folds, 0)
        yield* put(storage, whole.subarray(0, at))
        assert.deepStrictEqual(yield* read(storage), { state: upTo(12), folds: 12 }, `cut off at ${at}`)
      }
      yield* withFiles(storage, (derived, names) => derived.delete(keyOf(names[0]!)))
      assert.deepStrictEqual(yield* read(storage), { state: upTo(12), folds: 12 })
    }))

  test("of another version, decider or schema is ignored", (storage) =>
    Effect.gen(function* () {
      yield* note(storage, 0, 10)
      const second = makeLogs({ version: 2 })
      assert.deepStrictEqual(yield* read(storage, second), { state: upTo(10), folds: 10 })
      assert.strictEqual((yield* read(storage, second)).folds, 0)
      // It has replaced the file of version 1, and the one of version 1 replaces it again.
      assert.strictEqual((yield* read(storage)).folds, 10)
      const bytes = (yield* bytesIn(storage))!
      const other = makeLogs({ name: "other" })
      assert.strictEqual((yield* read(storage, other)).folds, 10)
      yield* withFiles(storage, (derived, names) =>
        Effect.forEach(names, (name) => derived.put(keyOf(name), bytes), { discard: true })
      )
      assert.deepStrictEqual(yield* read(storage, other), { state: upTo(10), folds: 10 })
      const texts = Decider.make({
        name: "logs",
        category: Log,
        initialState: () => "",
        evolve: (text, { data }) => `${text}${data.n}`,
        decide: () => undefined,
        snapshot: { every: 5, state: Schema.String }
      })
      const { close, lib } = yield* openSession(storage, "lib")
      const loaded = Effect.provideService(Decider.load(texts, "1"), EventStore.EventStore, yield* storeOf(lib))
      assert.strictEqual((yield* loaded).state, "0123456789")
      yield* close
    }))

  test("is ignored if its events would be read as other ones now, and not if a type was added", (storage) =>
    Effect.gen(function* () {
      const N = Schema.Struct({ n: Schema.Int })
      const twice = ({ n }: { readonly n: number }) => ({ n: n * 2 })
      const doubled = Category.versions(N).next(N, twice)
      const ofOld = Category.versions(N).merge("Noted", N, twice)
      type Kind = readonly [category: { readonly stream: (id: string) => string }, state: Numbers, folds: number]
      const later: Record<string, Kind> = {
        "the same": [Category.make("log", { Noted: N }), upTo(10), 0],
        "a type was added": [Category.make("log", { Added: N, Noted: N }), upTo(10), 0],
        "it was retired": [Category.make("log", { Added: N }, { retired: { Noted: N } }), upTo(10), 0],
        "a version was added": [Category.make("log", { Noted: doubled }), upTo(10).map((n) => n * 2), 10],
        "it was merged": [Category.make("log", { Written: ofOld }), upTo(10).map((n) => n * 2), 10],
        "it was renamed": [Category.make("log", { Written: N }, { renamed: { Noted: "Written" } }), upTo(10), 10]
      }
      for (const [name, [category, state, folds]] of Object.entries(later)) {
        yield* note(storage, 0, 10, makeLogs(), name)
        const { counts, logs } = makeLogs()
        const options = { ...logs.options, category: category as typeof Log, decide: () => undefined }
        const changed = { logs: Decider.make(options) as unknown as typeof logs, counts }
        assert.deepStrictEqual(yield* read(storage, changed, name), { state, folds }, name)
      }
    }))

  test("of another lib is ignored, although the stream has the same events", (storage) =>
    Effect.gen(function* () {
      yield* note(storage, 0, 10)
      yield* note(storage, 0, 10, makeLogs(), "other")
      yield* put(storage, (yield* bytesIn(storage))!, "other")
      assert.deepStrictEqual(yield* read(storage, makeLogs(), "other"), { state: upTo(10), folds: 10 })
    }))

  test("of events that a restore has left out is ignored, also once others have their revisions", (storage) =>
    Effect.gen(function* () {
      yield* note(storage, 0, 12)
      const { close, lib } = yield* openSession(storage, "lib")
      yield* lib.backup("backup")
      yield* close
      const late = (yield* bytesIn(storage))!
      yield* Lib.restore("backup", "restored", { upTo: 7 }).pipe(Effect.provideService(Storage, storage))
      assert.deepStrictEqual(yield* read(storage, makeLogs(), "restored"), { state: upTo(7), folds: 7 })
      yield* put(storage, late, "restored")
      assert.deepStrictEqual(yield* read(storage, makeLogs(), "restored"), { state: upTo(7), folds: 7 })
      yield* put(storage, late, "restored")
      const others = makeLogs({ every: 1000 })
      const again = yield* openSession(storage, "restored")
      const within = Effect.provideService(EventStore.EventStore, yield* storeOf(again.lib))
      for (let n = 7; n < 12; n++) yield* within(Decider.handle(others.logs, "1", 100 + n))
      yield* again.close
      const expected = [...upTo(7), 107, 108, 109, 110, 111]
      assert.deepStrictEqual(yield* read(storage, makeLogs(), "restored"), { state: expected, folds: 12 })
    }))

  test("of events that a restore has left out is ignored, also if the last one has its id again", (storage) =>
    Effect.gen(function* () {
      const last = makeLogs()
      const noteLast = (location: string) =>
        Effect.gen(function* () {
          const { close, lib } = yield* openSession(storage, location)
          const handled = Decider.handle(last.logs, "1", 9, { commandId: "last" })
          yield* Effect.provideService(handled, EventStore.EventStore, yield* storeOf(lib))
          if (location === "lib") yield* lib.backup("backup")
          yield* close
        })
      yield* note(storage, 0, 9)
      yield* noteLast("lib")
      const late = (yield* bytesIn(storage))!
      yield* Lib.restore("backup", "restored", { upTo: 7 }).pipe(Effect.provideService(Storage, storage))
      yield* note(storage, 107, 109, makeLogs(), "restored")
      yield* noteLast("restored")
      yield* put(storage, late, "restored")
      assert.deepStrictEqual((yield* read(storage, makeLogs(), "restored")).state, [...upTo(7), 107, 108, 9])
    }))

  test("of the same position and revision, but of another event, is ignored", (storage) =>
    Effect.gen(function* () {
      // As if someone had put an older copy of the folder back, but not its derived files.
      yield* note(storage, 0, 10)
      const bytes = (yield* bytesIn(storage))!
      const [, body] = Buffer.from(bytes).toString().split("\n")
      const head = JSON.parse(body!) as { readonly id: string }
      const changed = JSON.stringify({ ...head, id: "another", state: [666] })
      yield* put(storage, Buffer.from(`${createHash("sha256").update(changed).digest("hex")}\n${changed}\n`))
      assert.deepStrictEqual(yield* read(storage), { state: upTo(10), folds: 10 })
    }))

  test("is not written, with a warning, if it would be read back as another state", (storage) =>
    Effect.gen(function* () {
      const Plain = Schema.Struct({ n: Schema.Int })
      const cut = SchemaTransformation.transform({ decode: (n: number) => n, encode: Math.floor })
      type Kind = readonly [state: object, evolve: (n: number) => unknown]
      const lost: Record<string, Kind> = {
        "an undeclared field": [Plain, (n) => ({ n, isFrozen: true })],
        "a nested one": [Schema.Array(Plain), (n) => [{ n }, { n, isFrozen: true }]],
        "one of a value in a map": [Schema.ReadonlyMap(Schema.String, Plain), (n) => new Map([["a", { n, m: n }]])],
        "a fraction": [Schema.Finite.pipe(Schema.decodeTo(Schema.Finite, cut)), (n) => n + 0.5],
        "a class": [Plain, (n) => new Counted(n)]
      }
      const kept: Record<string, Kind> = {
        "a date": [Schema.Date, (n) => new Date(n)],
        "a map": [Schema.ReadonlyMap(Schema.String, Plain), (n) => new Map([["a", { n }]])],
        "a hash map": [Schema.HashMap(Schema.String, Plain), (n) => HashMap.make(["a", { n }], ["b", { n }])],
        "an option": [Schema.Option(Plain), (n) => Option.some({ n })],
        "without an optional field": [Schema.Struct({ n: Schema.optionalKey(Schema.Int) }), () => ({})]
      }
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => void logged.push(String(message)))
      for (const [name, [state, evolve]] of Object.entries({ ...lost, ...kept })) {
        const snapshot = { every: 1, state: state as Schema.Codec<unknown> }
        const decide = (n: number) => ({ type: "Noted" as const, data: { n } })
        const states = {
          initialState: () => undefined as unknown,
          evolve: (_: unknown, { data }: Noted) => evolve(data.n)
        }
        const decider = Decider.make({ name: "logs", category: Log, ...states, decide, snapshot })
        logged.length = 0
        const { close, lib } = yield* openSession(storage, name)
        const handled = Effect.provide(Decider.handle(decider, "1", 1), Logger.layer([logger]))
        const { state: first } = yield* Effect.provideService(handled, EventStore.EventStore, yield* storeOf(lib))
        yield* close
        yield* withFiles(
          storage,
          (_, names) => Effect.sync(() => assert.lengthOf(names, name in lost ? 0 : 1, name)),
          name
        )
        assert.match(
          logged.join(),
          name in lost ? /not written: its state would be read back as another one/ : /^$/,
          name
        )
        const again = yield* openSession(storage, name)
        const loaded = Decider.load(decider, "1")
        const { state: second } = yield* Effect.provideService(loaded, EventStore.EventStore, yield* storeOf(again.lib))
        assert.isTrue(Equal.equals(second, first), name)
        yield* again.close
      }
    }))

  test("that cannot be read or written stops no command", (base) =>
    Effect.gen(function* () {
      const broken = Effect.fail(
        new StorageError({ operation: "derived", place: "x", reason: "failed", detail: "EIO" })
      )
      const storage: Storage["Service"] = {
        open: (location, mode) =>
          Effect.map(base.open(location, mode), (root) =>
            changeRoot(root, { derived: { get: () => broken, put: () => broken } })
          )
      }
      yield* note(storage, 0, 12)
      assert.deepStrictEqual(yield* read(storage), { state: upTo(12), folds: 12 })
    }))
})
