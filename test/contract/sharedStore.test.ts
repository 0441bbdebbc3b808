/** Stores that share a lib: who is the writer, what becomes of appends while that changes, and what the socket lets in. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Decider from "litetapes/Decider"
import * as EventErrors from "litetapes/EventErrors"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import * as ScheduledEvents from "litetapes/ScheduledEvents"
import * as SharedStore from "litetapes/SharedStore"
import { Storage, StorageError } from "litetapes/Storage"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { release } from "../../src/layers/shared/release.ts"
import { FrameReader, frameOf } from "../../src/layers/shared/frames.ts"
import { failure, probeOf } from "../support/probedStorage.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { openTwice } from "../support/sharedPlace.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { gate } from "./eventstore/support.ts"

type Store = EventStore.EventStore["Service"]

const newPlace = temporaryFolder()

const socketOf = (location: string): string => path.join(location, "litelib.socket")

/** Opens a shared store that is closed by `close`, or else at the end of the test. */
const openOne = (location: string, options: SharedStore.Options = {}) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Scope.Scope)
    const store = yield* Scope.provide(SharedStore.open(location, options), scope)
    return { store, close: Scope.close(scope, Exit.void) }
  })

const live = (title: string, body: Effect.Effect<void, unknown, Scope.Scope | Storage>) =>
  it.live(title, () => body.pipe(Effect.provide(NodeStorage.layer), Effect.provide(Logger.layer([])), Effect.scoped))

const typesIn = (store: Store, stream: string) =>
  Effect.map(Stream.runCollect(store.read(stream)), (events) => events.map(({ type }) => type))

/** Waits until a store is the writer. */
const untilWriter = (store: Store): Effect.Effect<void> =>
  Effect.suspend(() => (store.lib.mode === "write" ? Effect.void : Effect.andThen(Effect.sleep(2), untilWriter(store))))

const made = [{ type: "Made" }]

describe("stores that share a lib", () => {
  live(
    "fail to read, and do not wait for ever, once no writer and no reader can be opened",
    Effect.gen(function* () {
      const location = newPlace()
      const { store } = yield* openOne(location, { waitMax: 100 })
      yield* store.append("order-1", made)
      fs.renameSync(location, `${location}-away`)
      yield* Effect.ignore(store.append("order-1", made))
      const exit = yield* Effect.exit(Effect.timeout(store.revision("order-1"), "20 seconds"))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(JSON.stringify(exit), "LibClosed")
    })
  )

  live(
    "have one span for each append, whoever the writer is, and none without a tracer",
    Effect.gen(function* () {
      const location = newPlace()
      const stores = [yield* openOne(location), yield* openOne(location)]
      for (const [n, { store }] of stores.entries()) {
        const { spans, tracer } = recordingTracer()
        yield* store.append(`order-${n}`, made)
        assert.lengthOf(spans, 0)
        yield* Effect.withTracer(store.append(`order-${n}`, made), tracer)
        yield* Effect.withTracer(store.appendAll([{ stream: `order-${n}`, events: made }]), tracer)
        const appends = spans.filter(({ name }) => name === "litetapes.append")
        assert.deepStrictEqual(
          appends.map(({ attributes }) => attributes.get("litetapes.position")),
          [3 * n + 1, 3 * n + 2]
        )
      }
    })
  )

  live(
    "keep no server and no file, if the socket cannot be put in its place",
    Effect.gen(function* () {
      const location = newPlace()
      const { close } = yield* openOne(location)
      yield* close
      fs.mkdirSync(socketOf(location))
      fs.mkdirSync(path.join(location, "litelib.socket-00000000"))
      const servers = () => process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length
      const before = servers()
      for (let n = 0; n < 3; n++) yield* Effect.flip(Effect.scoped(SharedStore.open(location, { waitMax: 10 })))
      yield* Effect.sleep(20)
      assert.isAtMost(servers(), before)
      const left = fs.readdirSync(location).filter((name) => name.startsWith("litelib.socket"))
      assert.deepStrictEqual(left.toSorted(), ["litelib.socket", "litelib.socket-00000000"])
    })
  )

  live(
    "see at once what any of them has appended",
    Effect.gen(function* () {
      const location = newPlace()
      const one = yield* openOne(location)
      const two = yield* openOne(location)
      const three = yield* openOne(location)
      const stores = [one, two, three].map(({ store }) => store)
      assert.deepStrictEqual(
        stores.map(({ lib }) => lib.mode),
        ["write", "read", "read"]
      )
      for (const [n, store] of stores.entries()) {
        const expected = n === 0 ? "no-stream" : n - 1
        const { lastPosition } = yield* store.append("order-1", [{ type: `By${n}` }], { expected })
        for (const other of stores) {
          assert.strictEqual(yield* other.revision("order-1"), n)
          assert.strictEqual(yield* other.position, lastPosition + 1)
          assert.strictEqual((yield* typesIn(other, "order-1")).length, n + 1)
          assert.strictEqual((yield* other.query("all")).events.length, n + 1)
        }
      }
      assert.strictEqual(fs.statSync(socketOf(location)).mode & 0o777, 0o600)
    })
  )

  live(
    "deliver scheduled events in the writer's process, and in the next one after it",
    Effect.gen(function* () {
      const location = newPlace()
      const deadlines = ScheduledEvents.make({ name: "deadline" })
      const runIn = ({ store }: { readonly store: Store }) =>
        Effect.provideService(ScheduledEvents.run(deadlines), EventStore.EventStore, store)
      const schedule = (store: Store, id: string, deliverAt: number) =>
        deadlines
          .schedule({ id, deliverAt, stream: "order-1", event: { type: `Due ${id}` } })
          .pipe(Effect.provideService(EventStore.EventStore, store))
      const one = yield* openOne(location)
      const two = yield* openOne(location)
      // Nothing delivers in the writer's process yet, and it is not up to the other one.
      const ofTwo = yield* runIn(two)
      yield* schedule(two.store, "a", 1)
      yield* schedule(two.store, "b", Date.now() + 3_600_000)
      while ((yield* ofTwo.status).open < 2) yield* Effect.sleep(1)
      assert.deepStrictEqual(yield* typesIn(one.store, "order-1"), [])
      const ofOne = yield* runIn(one)
      yield* ofOne.whenCaughtUp
      yield* ofTwo.whenCaughtUp
      assert.deepStrictEqual(yield* typesIn(two.store, "order-1"), ["Due a"])
      assert.strictEqual((yield* ofTwo.status).open, 1)
      yield* one.close
      yield* schedule(two.store, "c", 1)
      yield* ofTwo.whenCaughtUp
      assert.strictEqual(two.store.lib.mode, "write")
      assert.deepStrictEqual(yield* typesIn(two.store, "order-1"), ["Due a", "Due c"])
      assert.deepInclude(yield* ofTwo.status, { state: "running", open: 1 })
    })
  )

  live(
    "pass the role of the writer on, with appends that wait and subscriptions that continue",
    Effect.gen(function* () {
      const location = newPlace()
      const one = yield* openOne(location)
      const two = yield* openOne(location)
      const three = yield* openOne(location)
      const seen = [two.store, three.store].map(() => [] as Array<number>)
      for (const [n, { store }] of [two, three].entries()) {
        const note = Stream.runForEach(store.subscribe(), ({ position }) =>
          Effect.sync(() => void seen[n]!.push(position))
        )
        yield* Effect.forkScoped(note)
      }
      const appendMany = (store: Store) =>
        Effect.forEach(
          Array.from({ length: 40 }, (_, n) => n),
          (n) => store.append(`order-${n % 5}`, [{ type: "Placed", data: n }]),
          { concurrency: 8 }
        )
      const appending = yield* Effect.forEach([two.store, three.store], (store) => Effect.forkScoped(appendMany(store)))
      yield* Effect.sleep(5)
      yield* one.close
      for (const fiber of appending) yield* Fiber.join(fiber)
      yield* Effect.raceFirst(untilWriter(two.store), untilWriter(three.store))
      const writers = [two, three].filter(({ store }) => store.lib.mode === "write")
      assert.strictEqual(writers.length, 1)
      const last = [two, three].find(({ store }) => store.lib.mode === "read")!
      yield* writers[0]!.close
      yield* last.store.append("order-1", made)
      assert.strictEqual(last.store.lib.mode, "write")
      const position = yield* last.store.position
      assert.strictEqual(position, 81)
      const ofLast = seen[last === two ? 0 : 1]!
      while (ofLast.length < position) yield* Effect.sleep(2)
      assert.deepStrictEqual(
        ofLast,
        ofLast.map((_, n) => n)
      )
    })
  )

  live(
    "decide together: deciders, decision models and categories work as in one process",
    Effect.gen(function* () {
      const Seat = Category.make("seat", { Taken: Schema.Struct({ by: Schema.String }) })
      const seats = Decider.make({
        name: "seats",
        category: Seat,
        initialState: () => 0,
        evolve: (count: number) => count + 1,
        decide: (by: string, count: number) => (count < 30 ? { type: "Taken" as const, data: { by } } : undefined)
      })
      const location = newPlace()
      const stores = yield* Effect.forEach([1, 2, 3], () => Effect.map(openOne(location), ({ store }) => store))
      const taking = (store: Store, n: number) =>
        Effect.forEach(
          Array.from({ length: 12 }, (_, at) => at),
          (at) => Decider.handle(seats, "1", `${n}`, { commandId: `${n}-${at}`, retry: 100, enforce: true })
        ).pipe(Effect.provideService(EventStore.EventStore, store))
      yield* Effect.forEach(stores, taking, { concurrency: "unbounded" })
      const ids = (yield* Stream.runCollect(stores[2]!.read("seat-1"))).map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, 30)

      const query: EventStore.Query = [{ types: ["Won"], tags: ["prize:1"] }]
      const win = (store: Store) =>
        Effect.gen(function* () {
          const { condition, state } = yield* store.decisionModel({
            won: { query, initialState: () => false, evolve: () => true }
          })
          if (state.won) return false
          yield* store.append("prize-1", [{ type: "Won", tags: ["prize:1"] }], { condition })
          return true
        }).pipe(Effect.catchTag("ConditionFailed", () => Effect.succeed(false)))
      const won = yield* Effect.forEach(stores, win, { concurrency: "unbounded" })
      assert.deepStrictEqual(won.filter(Boolean), [true])
      yield* Seat.append("2", [{ type: "Taken", data: { by: "Ada" } }]).pipe(
        Effect.provideService(EventStore.EventStore, stores[1]!)
      )
      assert.deepStrictEqual(yield* typesIn(stores[2]!, "seat-2"), ["Taken"])
    })
  )

  live(
    "commit what many callers append at the same time in few batches, and take large ones",
    Effect.gen(function* () {
      const { caller, writer } = yield* openTwice(yield* Storage, newPlace())
      yield* caller.append("order-1", made)
      const before = yield* writer.lib.durable
      // More than one connection may have under way at a time.
      const results = yield* Effect.forEach(
        Array.from({ length: 5000 }, (_, n) => n),
        (n) => caller.append(`order-${n % 50}`, [{ type: "Placed", data: n }]),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(results.map(({ lastPosition }) => lastPosition)).size, 5000)
      assert.isBelow((yield* writer.lib.durable).batch - before.batch, 500)
      const data = "é".repeat(400_000)
      const large = Array.from({ length: 8 }, () => ({ type: "Large", data }))
      yield* caller.append("large-1", large)
      const read = yield* Stream.runCollect(caller.read("large-1"))
      assert.isTrue(read.length === 8 && read.every((event) => event.data === data))
      const error = yield* Effect.flip(caller.append("large-1", [{ type: "Large", data: data.repeat(2) }]))
      assert.strictEqual(error._tag, "TaraSONError")
    })
  )

  live(
    "keep the checkpoints of appends, and refuse what only a writer can do",
    Effect.gen(function* () {
      const { caller, writer } = yield* openTwice(yield* Storage, newPlace())
      yield* writer.append("order-1", made)
      const checkpoint = { consumer: "answers", position: 0 }
      yield* caller.append("answer-1", made, { checkpoint })
      const again = yield* Effect.flip(caller.append("answer-1", made, { checkpoint }))
      assert.strictEqual(again._tag, "CheckpointNotIncreased")
      assert.deepInclude((yield* writer.lib.checkpoints)[0], { consumer: "answers", low: 1 })
      const wrong = yield* Effect.flip(caller.appendAll([], { checkpoint: { consumer: "answers", low: Number.NaN } }))
      assert.include(wrong.message, "options.checkpoint.low must be a whole number, 0 or more, not NaN")
      for (const refused of [caller.lib.createTape("notes"), caller.lib.commit([]), caller.lib.archive("order")])
        assert.strictEqual((yield* Effect.flip(refused as Effect.Effect<unknown, { _tag: string }>))._tag, "ReadOnly")
    })
  )

  live(
    "keep the checkpoints of a consumer in the lib only while they are the writer",
    Effect.gen(function* () {
      const location = newPlace()
      const probe = probeOf(yield* Storage)
      const writer = yield* Effect.provideService(SharedStore.open(location), Storage, probe.storage)
      const caller = yield* SharedStore.open(location)
      const claiming = (store: Store) =>
        Effect.flatMap(Effect.provideService(CheckpointStore.makeLib, EventStore.EventStore, store), ({ claim }) =>
          claim("answers", "refuse")
        )
      assert.strictEqual((yield* Effect.flip(claiming(caller)))._tag, "CheckpointsNeedWriter")
      const entries = yield* claiming(writer)
      // The writer fails before anything is appended, so the other store becomes the writer, and appends it.
      probe.broken = true
      yield* writer.append("order-1", made)
      probe.broken = false
      yield* untilWriter(caller)
      assert.deepInclude(yield* Effect.flip(entries.set("checkpoint", "{}")), { reason: "read-only" })
    })
  )

  live(
    "replace a writer that stopped, and send again what it may have done",
    Effect.gen(function* () {
      const location = newPlace()
      const probe = probeOf(yield* Storage)
      const writer = yield* Effect.provideService(SharedStore.open(location), Storage, probe.storage)
      const caller = yield* SharedStore.open(location)
      yield* caller.append("order-1", made)
      // The batch is durable, but the writer cannot acknowledge it.
      probe.beforeHint = Effect.fail(failure)
      const { firstRevision, repeated } = yield* caller.append("order-1", [{ type: "Unsure" }])
      assert.deepStrictEqual([firstRevision, repeated], [1, false])
      probe.beforeHint = Effect.void
      yield* untilWriter(caller)
      const { lastRevision } = yield* writer.append("order-1", [{ type: "Forwarded" }])
      assert.strictEqual(lastRevision, 2)
      for (const store of [writer, caller])
        assert.deepStrictEqual(yield* typesIn(store, "order-1"), ["Made", "Unsure", "Forwarded"])
    })
  )

  live(
    "fail with WriterUnreachable if somebody has the lock who does not share the lib, until the lock is free",
    Effect.gen(function* () {
      const location = newPlace()
      const base = yield* Storage
      let isLocked = false
      const holder = { here: false, host: "here", pid: 4711, since: "2026-11-30T00:00:00.000Z" }
      const locked = new StorageError({ operation: "lock", place: location, reason: "locked", detail: "", holder })
      const storage = Storage.of({
        open: (place, mode) =>
          Effect.suspend(() => (isLocked && mode === "write" ? Effect.fail(locked) : base.open(place, mode)))
      })
      const one = yield* openOne(location)
      const open = Effect.provideService(SharedStore.open(location, { waitMax: 40 }), Storage, storage)
      const two = yield* open
      isLocked = true
      yield* one.close
      for (const failing of [two.append("order-1", made), open]) {
        const error = yield* Effect.flip(failing as Effect.Effect<unknown, Error, Scope.Scope>)
        assert.instanceOf(error, SharedStore.WriterUnreachable)
        assert.include(error.message, "is open for writing in process 4711")
      }
      isLocked = false
      assert.strictEqual((yield* two.append("order-1", made)).firstRevision, 0)
    })
  )

  live(
    "fail with LibClosed once they are closed, and with CommitOutcomeUnknown if an answer was waited for",
    Effect.gen(function* () {
      const location = newPlace()
      const probe = probeOf(yield* Storage)
      yield* Effect.provideService(SharedStore.open(location), Storage, probe.storage)
      const caller = yield* openOne(location)
      const committing = yield* gate
      probe.beforeCommit = committing.pass
      const waiting = yield* Effect.forkScoped(Effect.flip(caller.store.append("order-1", made)))
      yield* committing.reached
      yield* caller.close
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "CommitOutcomeUnknown")
      for (const closed of [caller.store.append("order-1", made), caller.store.revision("order-1")])
        assert.strictEqual((yield* Effect.flip(closed as Effect.Effect<unknown, { _tag: string }>))._tag, "LibClosed")
    })
  )

  it("are opened by promises, too", async () => {
    const location = newPlace()
    const one = await PromiseStore.open(location, { shared: true })
    const two = await PromiseStore.open(location, { shared: { waitMax: 1000 } })
    assert.deepStrictEqual([one.mode, two.mode], ["write", "read"])
    await two.append("order-1", made, { expected: "no-stream" })
    const error = await two.append("order-1", made, { expected: "no-stream" }).catch((failure: unknown) => failure)
    assert.instanceOf(error, EventErrors.WrongExpectedRevision)
    const closing = one.close()
    assert.strictEqual((await two.append("order-1", made)).lastRevision, 1)
    await closing
    while (two.mode !== "write") await new Promise((resolve) => setTimeout(resolve, 2))
    await two.close()
    for (const options of [{ mode: "read" }, { create: "must" }, { reopen: true }] as const) {
      const refusal: unknown = await PromiseStore.open(location, { shared: true, ...options }).catch((e: unknown) => e)
      assert.deepInclude(refusal, { _tag: "InvalidArgument", call: "SharedStore.open" })
    }
  })

  live(
    "work in a folder whose path is too long for a socket",
    Effect.gen(function* () {
      const location = path.join(newPlace(), "a".repeat(80), "b".repeat(80))
      const { caller } = yield* openTwice(yield* Storage, location)
      yield* caller.append("order-1", made)
      assert.isTrue(fs.lstatSync(socketOf(location)).isSocket())
    })
  )
})

/** Sends bytes to a socket. Returns what came back once the connection has ended; `undefined` if it has not after `millis`. */
const talk = (
  at: string,
  bytes: ReadonlyArray<Uint8Array>,
  { ends = false, millis = 10_000 } = {}
): Effect.Effect<ReadonlyArray<string> | undefined> =>
  Effect.callback<ReadonlyArray<string> | undefined>((resume) => {
    const frames = new FrameReader()
    const got: Array<string> = []
    const socket = net.connect(at)
    socket.on("data", (piece) => got.push(...(frames.push(piece) ?? ["not a frame"])))
    socket.on("error", () => undefined)
    socket.on("close", () => resume(Effect.succeed(got)))
    for (const some of bytes) socket.write(some)
    if (ends) socket.end()
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: millis, orElse: () => Effect.succeed(undefined) }))

const greeting = frameOf(JSON.stringify({ litetapes: "caller", release, caller: "one" }))

const append = (rest: object) =>
  frameOf(
    JSON.stringify({
      number: 1,
      isAgain: false,
      isOne: true,
      appends: [{ stream: "order-1", expected: "any", ...rest }]
    })
  )

describe("the socket of a lib", () => {
  live(
    "closes the connection of whoever sends something else, and of nobody else",
    Effect.gen(function* () {
      const location = newPlace()
      const { caller, writer } = yield* openTwice(yield* Storage, location)
      const at = socketOf(location)
      const hostile: ReadonlyArray<ReadonlyArray<Uint8Array>> = [
        [Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
        [frameOf("{}")],
        [frameOf("x".repeat(5000))],
        [greeting, frameOf("null")],
        [greeting, frameOf('{"number":1}')],
        [greeting, append({ events: [[false, { $type: "A" }]] })],
        [greeting, append({ events: [{ $type: "A", id: "a" }] })],
        [greeting, append({ events: [], condition: { query: "all", after: "b1.x" } })],
        [greeting, Uint8Array.of(0xff, 0xff, 0xff, 0xff)]
      ]
      for (const [n, bytes] of hostile.entries()) {
        const got = yield* talk(at, bytes)
        assert.isDefined(got, `case ${n} was not closed`)
        assert.isAtMost(got!.length, 1)
      }
      // Half a frame, from one that stays and from one that goes.
      assert.isUndefined(yield* talk(at, [greeting.subarray(0, 9)], { millis: 50 }))
      assert.deepStrictEqual(yield* talk(at, [greeting.subarray(0, 9)], { ends: true }), [])
      // The append itself refuses an event that is not valid.
      const refused = yield* talk(at, [greeting, append({ events: [[false, { $type: "", id: "a" }]] })], { ends: true })
      assert.include(refused?.[1] ?? "", '"_tag":"InvalidEvent"')
      yield* caller.append("order-1", made)
      assert.strictEqual(yield* writer.position, 1)
    })
  )

  live(
    "replaces the file of a writer that was killed, and keeps that of the next one",
    Effect.gen(function* () {
      const location = newPlace()
      const first = yield* openOne(location)
      yield* first.close
      assert.isFalse(fs.existsSync(socketOf(location)))
      // A file on which nobody listens any more.
      const dead = net.createServer()
      yield* Effect.callback<void>((resume) => {
        dead.listen(path.join(location, "litelib.socket-00000000"), () => resume(Effect.void))
      })
      fs.renameSync(path.join(location, "litelib.socket-00000000"), socketOf(location))
      fs.writeFileSync(path.join(location, "litelib.socket-0000000a"), "")
      yield* Effect.callback<void>((resume) => void dead.close(() => resume(Effect.void)))
      const { caller } = yield* openTwice(yield* Storage, location)
      yield* caller.append("order-1", made)
      assert.deepStrictEqual(
        fs.readdirSync(location).filter((name) => name.startsWith("litelib.socket")),
        ["litelib.socket"]
      )
    })
  )

  live(
    "refuses a writer of another release, and says which both are",
    Effect.gen(function* () {
      const location = newPlace()
      yield* Lib.open(location)
      const other = net.createServer((socket) => {
        socket.on("error", () => undefined)
        socket.write(frameOf(JSON.stringify({ litetapes: "writer", release: "9.9.9", pid: 7, lib: "x" })))
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void other.listen(socketOf(location), () => resume(Effect.void))),
        () => Effect.sync(() => other.close())
      )
      const error = yield* Effect.flip(SharedStore.open(location, { waitMax: 30 }))
      assert.strictEqual(error._tag, "WriterUnreachable")
      assert.include(error.message, `process 7, which runs litetapes 9.9.9, and this process runs ${release}`)
      // A caller of another release gets our release, and its requests are not read.
      const mine = newPlace()
      const { writer } = yield* openTwice(yield* Storage, mine)
      const foreign = frameOf(JSON.stringify({ litetapes: "caller", release: "9.9.9", caller: "two" }))
      const got = yield* talk(socketOf(mine), [foreign, append({ events: [[false, { $type: "A", id: "a" }]] })])
      assert.deepInclude(JSON.parse(got?.[0] ?? "null"), { release })
      assert.strictEqual(yield* writer.position, 0)
    })
  )

  it("is of the release in package.json", () => {
    const { version } = JSON.parse(fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
    assert.strictEqual(release, version, "set it in src/layers/shared/release.ts")
  })
})
