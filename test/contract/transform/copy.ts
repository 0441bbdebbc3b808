/** Copies of a lib: the same events with another placement or other limits, and never half a lib. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import type { Placement } from "litetapes/Placement"
import { Storage } from "litetapes/Storage"
import * as MetaChain from "../../../src/domain/meta/MetaChain.ts"
import * as TapeState from "../../../src/domain/meta/TapeState.ts"
import { internalsOf } from "../../../src/services/internals.ts"
import { existingTape, flush, type LibService, storeOf, tagOf, tapeOf, withLib } from "../../support/openLib.ts"
import { numbered, rewriteMeta, tamper, type TransformKind } from "../../support/transformGround.ts"
import { watched } from "../../support/watchedStorage.ts"

const shared: Placement = { kind: "category-or-shared" }
const single: Placement = { kind: "single" }
const uuids = ["0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "0F1E2D3C-4B5A-4978-8796-A5B4C3D2E1F0"]
const streams = ["order-1", "order-2", "customer", "order", "events-1", ...uuids]

/** Appends 40 events to several streams; some are in segments, some compressed, some in no segment. */
const write = (lib: LibService, from = 0, to = 40) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    for (let n = from; n < to; n++) {
      const stream = streams[n % streams.length]!
      yield* store.append(stream, [{ type: "T", data: n, id: `id-${n}`, tags: ["t"], metadata: { n } }])
      if (n % 16 === 15) for (const { name } of yield* lib.tapes) yield* flush(lib, name)
      if (n === 33)
        yield* Effect.flatMap(existingTape(lib, (yield* lib.tapes)[0]!.name), (tape) =>
          tape.repack({ compression: "zstd" })
        )
    }
  })

/** Everything that a reader of events sees. */
const eventsOf = (lib: LibService) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    const all = yield* Stream.runCollect(store.readAll())
    const backward = yield* Stream.runCollect(store.readAll({ direction: "backward" }))
    const each = yield* Effect.forEach(streams, (stream) =>
      Effect.all([Stream.runCollect(store.read(stream)), store.revision(stream)])
    )
    const categories = yield* Effect.forEach(["order", "events", "0f1e2d3c", "0F1E2D3C", "customer"], (category) =>
      Stream.runCollect(store.readAll({ filter: { categories: [category] } }))
    )
    return { all, backward, each, categories, position: yield* store.position }
  })

const namesOf = (lib: LibService) => Effect.map(lib.tapes, (tapes) => tapes.map(({ name }) => name))

/** Runs on the lib at `at`, which has events on one tape. */
const onSingle = <A, E>(
  storage: Storage["Service"],
  at: string,
  use: (lib: LibService) => Effect.Effect<A, E, Lib.Lib>
) => withLib(storage, at, (lib) => Effect.andThen(write(lib), use(lib)), { placement: single })

export const copyContract = (kind: TransformKind): void => {
  describe("copy of a lib", () => {
    contentContract(kind)
    momentContract(kind)
    unfinishedContract(kind)
    refusalsContract(kind)
    lostContract(kind)
    limitsContract(kind)
  })
}

const contentContract = ({ ground, place }: TransformKind): void => {
  it.live("has the same events on the tapes of its placement, continues at the right revisions, and copies back", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const [at, to, back] = [place(), place(), place()]
      const [before, report] = yield* onSingle(storage, at, (lib) =>
        Effect.all([eventsOf(lib), lib.copy(to, { placement: shared })])
      )
      assert.deepInclude(report, { events: 40, position: 40, tapes: 2, left: [] })
      yield* withLib(storage, to, (lib) =>
        Effect.gen(function* () {
          assert.deepStrictEqual([lib.id, lib.placement], [report.lib, shared])
          assert.deepStrictEqual(yield* eventsOf(lib), before)
          assert.deepStrictEqual(yield* namesOf(lib), ["events", "order"])
          const store = yield* storeOf(lib)
          const expected = yield* store.revision("order-1")
          const appended = yield* store.append("order-1", [{ type: "Next" }], { expected })
          assert.deepInclude(appended, { firstPosition: 40, firstRevision: Number(expected) + 1 })
          const repeated = { type: "T", data: 0, id: "id-0", tags: ["t"], metadata: { n: 0 } }
          assert.isTrue((yield* store.append("order-1", [repeated])).repeated)
          assert.deepStrictEqual((yield* lib.verify()).bad, [])
        })
      )
      yield* withLib(storage, to, (lib) =>
        Effect.gen(function* () {
          const grown = yield* eventsOf(lib)
          const again = yield* lib.copy(back, { placement: single })
          assert.strictEqual(again.events, 41)
          yield* withLib(storage, back, (copy) =>
            Effect.map(eventsOf(copy), (all) => assert.deepStrictEqual(all, grown))
          )
        })
      )
      yield* withLib(storage, at, (lib) => Effect.map(eventsOf(lib), (all) => assert.deepStrictEqual(all, before)), {
        mode: "read"
      })
    })
  )

  it.live("keeps the lines of events, whatever the placement: the hash of all of them is the same", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const hashes = new Set<string>()
      yield* onSingle(storage, place(), (lib) =>
        Effect.gen(function* () {
          for (const placement of [shared, single, { kind: "stream" }, { kind: "hashed", tapes: 7 }] as const) {
            const to = place()
            hashes.add((yield* lib.copy(to, { placement })).sha256)
            yield* withLib(storage, to, (copy) => Effect.map(copy.copy(place()), ({ sha256 }) => hashes.add(sha256)), {
              mode: "read"
            })
          }
        })
      )
      assert.strictEqual(hashes.size, 1)
    })
  )

  it.live(
    "keeps tapes of records, user metadata and the archived state with the name of a tape, and says what is left",
    () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const to = place()
        yield* withLib(
          storage,
          place(),
          (lib) =>
            Effect.gen(function* () {
              yield* write(lib)
              const notes = yield* tapeOf(lib, "notes")
              yield* notes.append([...numbered(0, 30), ...numbered(0, 30)])
              yield* notes.repack({ compression: "gzip", dedup: true, shardEvery: 2, targetBytes: 300 })
              yield* notes.append(numbered(0, 3))
              yield* lib.createTape("empty")
              for (const name of ["notes", "order", "customer"]) {
                yield* Effect.flatMap(existingTape(lib, name), (tape) => tape.setUserMeta("of", name))
              }
              for (const name of ["notes", "order", "events"]) yield* lib.archive(name)
              const { left, tapes } = yield* lib.copy(to, { placement: shared })
              assert.deepStrictEqual(left, [{ tape: "customer", archived: false, userMeta: { of: "customer" } }])
              assert.strictEqual(tapes, 4)
              yield* withLib(storage, to, (copy) =>
                Effect.gen(function* () {
                  const states = (yield* copy.tapes).map(({ name, role, state }) => [name, role, state])
                  assert.deepStrictEqual(states, [
                    ["empty", "records", "active"],
                    ["events", "events", "archived"],
                    ["notes", "records", "archived"],
                    ["order", "events", "archived"]
                  ])
                  const copied = yield* existingTape(copy, "notes")
                  const [{ origin, userMeta }, root] = [yield* copied.meta, yield* notes.root]
                  assert.strictEqual(yield* copied.root, root)
                  assert.deepStrictEqual(userMeta, { of: "notes" })
                  assert.deepStrictEqual(origin, { kind: "cloned", lib: lib.id, records: 63, root, tape: notes.id })
                  const order = yield* existingTape(copy, "order")
                  assert.deepStrictEqual((yield* order.meta).userMeta, { of: "order" })
                  yield* copy.activate("notes")
                  yield* copied.append([{ later: true }])
                  assert.strictEqual(yield* copied.size, 64)
                  assert.deepStrictEqual((yield* copy.verify()).bad, [])
                })
              )
            }),
          { placement: { kind: "category" } }
        )
      })
  )

  it.live("tells its progress up to the total", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const told: Array<Lib.Progress> = []
      yield* onSingle(storage, place(), (lib) =>
        Effect.andThen(
          Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(numbered(0, 5))),
          lib.copy(place(), { onProgress: (progress) => Effect.sync(() => void told.push(progress)) })
        )
      )
      const done = told.map((progress) => progress.done.records)
      assert.deepStrictEqual(
        done,
        done.toSorted((a, b) => a - b)
      )
      // Events are read twice.
      assert.deepStrictEqual(told.at(-1)!.done, told.at(-1)!.total)
      assert.strictEqual(done.at(-1), 85)
    })
  )
}

const momentContract = ({ ground, place }: TransformKind): void => {
  it.live("shows one moment of all tapes while they are written to, from the writer and from a reader", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          yield* tapeOf(lib, "notes")
          const one = (n: number) =>
            Effect.gen(function* () {
              yield* lib.commit([{ tape: "notes", records: [{ n }] }])
              yield* store.appendAll(streams.map((stream) => ({ stream, events: [{ type: "T", data: n }] })))
              if (n % 5 === 0) yield* flush(lib, "events")
            })
          yield* Effect.forEach([1, 2, 3], one)
          const copies = [place(), place()]
          const running = yield* Effect.forkChild(
            Effect.forEach(
              Array.from({ length: 60 }, (_, n) => n + 4),
              one
            )
          )
          yield* lib.copy(copies[0]!, { placement: { kind: "stream" } })
          yield* withLib(storage, at, (reader) => reader.copy(copies[1]!, { placement: shared }), { mode: "read" })
          yield* Fiber.join(running)
          for (const copy of copies) {
            yield* withLib(storage, copy, (copied) =>
              Effect.gen(function* () {
                const notes = yield* Effect.flatMap(existingTape(copied, "notes"), (tape) => tape.size)
                const { all } = yield* eventsOf(copied)
                // A note is committed before the events of its number, which are one batch.
                assert.strictEqual(all.length % streams.length, 0)
                assert.include([0, 1], notes - all.length / streams.length)
                assert.isAtLeast(notes, 3)
                assert.deepStrictEqual((yield* copied.verify()).bad, [])
              })
            )
          }
        })
      )
    })
  )
}

const unfinishedContract = ({ ground, place }: TransformKind): void => {
  it.live("is not a lib until it is whole: at whatever step it fails, nothing opens it, and nothing recovers it", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      let isWhole = false
      yield* onSingle(storage, place(), (lib) =>
        Effect.gen(function* () {
          yield* Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(numbered(0, 5)))
          for (let steps = 1; !isWhole; steps++) {
            const watch = watched(storage)
            const to = place()
            let left = steps
            watch.before = (operation) =>
              operation === "derived.put" || (left -= 1) >= 0 ? Effect.void : Effect.die("the process is killed")
            const exit = yield* Effect.exit(lib.copy(to, { placement: shared, storage: watch.storage }))
            isWhole = exit._tag === "Success"
            const opened = (mode: "read" | "write") => tagOf(withLib(storage, to, () => Effect.void, { mode }))
            if (isWhole) {
              yield* withLib(storage, to, (copy) =>
                Effect.map(copy.verify(), ({ bad }) => assert.deepStrictEqual(bad, []))
              )
              assert.isAbove(steps, 6)
              continue
            }
            const recovering = Effect.provideService(Lib.recover(to), Storage, storage)
            assert.strictEqual(yield* tagOf(recovering), "LibInvalid", `after ${steps} steps`)
            assert.strictEqual(yield* opened("read"), "LibInvalid")
            assert.strictEqual(yield* opened("write"), "LibInvalid")
            assert.strictEqual(yield* tagOf(lib.copy(to)), "LibInvalid")
          }
        })
      )
    })
  )

  it.live("ends when the lib is closed or the caller is interrupted, and frees the place", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const to = place()
      yield* onSingle(storage, place(), (lib) =>
        Effect.gen(function* () {
          const begun = yield* Deferred.make<void>()
          const onProgress = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
          const copying = yield* Effect.forkChild(lib.copy(to, { onProgress }))
          yield* Deferred.await(begun)
          assert.strictEqual(yield* tagOf(lib.copy(to)), "LibLocked")
          yield* Fiber.interrupt(copying)
          assert.strictEqual(yield* tagOf(lib.copy(to)), "LibInvalid")
          const other = place()
          const waiting = yield* Deferred.make<void>()
          const later = yield* Effect.forkChild(
            tagOf(
              lib.copy(other, { onProgress: () => Effect.andThen(Deferred.succeed(waiting, undefined), Effect.never) })
            )
          )
          yield* Deferred.await(waiting)
          yield* lib.close
          assert.strictEqual(yield* Fiber.join(later), "LibClosed")
          assert.strictEqual(yield* tagOf(lib.copy(place())), "LibClosed")
        })
      )
    })
  )
}

const refusalsContract = ({ ground, place }: TransformKind): void => {
  it.live("refuses a place that has a lib, its own place, and settings that are not valid", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const [at, taken] = [place(), place()]
      yield* withLib(storage, taken, () => Effect.void)
      yield* onSingle(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(lib.copy(taken)), "LibInvalid")
          for (const own of [at, `${at}/./x/../`, `${at}/copy`]) {
            assert.strictEqual(yield* tagOf(lib.copy(own)), "LibInvalid", own)
          }
          const wrong = { kind: "hashed", tapes: 0 } as const
          const free = place()
          assert.strictEqual(yield* tagOf(lib.copy(free, { placement: wrong })), "InvalidSettings")
          assert.strictEqual(yield* tagOf(lib.copy(free, { limits: { depthMax: 0 } })), "InvalidSettings")
          yield* lib.copy(free)
        })
      )
      yield* withLib(
        storage,
        at,
        (lib) => Effect.map(tagOf(lib.copy(at)), (tag) => assert.strictEqual(tag, "LibInvalid")),
        { mode: "read" }
      )
    })
  )

  it.live("refuses a stream whose tape would be one of records", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* onSingle(storage, place(), (lib) =>
        Effect.gen(function* () {
          yield* lib.createTape("order")
          const error = yield* Effect.flip(lib.copy(place(), { placement: shared }))
          assert.deepInclude(error, { _tag: "TapeNotForEvents", tape: "order" })
        })
      )
    })
  )

  it.live("refuses a lib in which positions are missing, unless gaps are allowed; they stay gaps then", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) => write(lib), { placement: { kind: "category" } })
      yield* tamper(storage, at, (root) =>
        Effect.flatMap(root.segments.list("customer"), (names) =>
          Effect.forEach(names, (name) => root.segments.remove("customer", name), { discard: true })
        )
      )
      yield* loseMeta(at, "customer")
      const to = place()
      const before = yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(lib.copy(to)), "TapeInvalid")
          yield* lib.recoverTape("customer")
          const error = yield* Effect.flip(lib.copy(to, { placement: shared }))
          assert.deepInclude(error, { _tag: "PositionGap", expected: 2, found: 3 })
          const other = place()
          const report = yield* lib.copy(other, { placement: shared, allowGaps: true })
          assert.deepInclude(report, { events: 34, position: 40 })
          const store = yield* storeOf(lib)
          return { other, all: yield* Stream.runCollect(store.readAll({ allowGaps: true })) }
        })
      )
      yield* withLib(storage, before.other, (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          assert.deepStrictEqual(yield* Stream.runCollect(store.readAll({ allowGaps: true })), before.all)
          assert.strictEqual(yield* tagOf(Stream.runDrain(store.readAll())), "PositionGap")
          assert.strictEqual((yield* store.append("order-1", [{ type: "Next" }])).firstPosition, 40)
        })
      )
    })
  )
}

const lostContract = ({ ground, place }: TransformKind): void => {
  it.live("refuses a lib that has lost events, and keeps what tapes of records say of theirs", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const [at, to] = [place(), place()]
      const loseIn = (tape: string, positions: readonly [number, number] | null) =>
        tamper(storage, at, (root) =>
          rewriteMeta(root, tape, (bytes) => {
            const state = TapeState.fold(tape, MetaChain.readTape(tape, bytes).records)
            const segment = state.segments[0]!.name
            const time = "2026-01-02T03:04:05.678Z"
            const lost = [{ ordinal: 1, records: 2, positions, segment, streams: null, time }]
            return MetaChain.writeTape(TapeState.refold({ ...state, lost })).bytes
          })
        )
      yield* onSingle(storage, at, (lib) => Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(numbered(0, 5))))
      yield* loseIn("notes", null)
      yield* withLib(storage, at, (lib) => lib.copy(to))
      yield* withLib(storage, to, (copy) =>
        Effect.gen(function* () {
          yield* existingTape(copy, "notes")
          const notes = internalsOf(copy).handle.tapes.known("notes")!
          assert.lengthOf(notes.state.lost, 1)
          assert.deepInclude(notes.state.lost[0], { ordinal: 1, records: 2, positions: null })
        })
      )
      yield* loseIn("events", [1, 3])
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(lib.copy(place(), { placement: shared }))
          assert.deepInclude(error, { _tag: "TapeInvalid", tape: "events" })
          assert.match(error.message, /events of it are lost/)
        })
      )
    })
  )
}

const limitsContract = ({ ground, place }: TransformKind): void => {
  it.live("refuses records beyond the new limits before it writes anything, and says which", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* onSingle(storage, place(), (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          yield* store.append("order-1", [{ type: "Deep", data: [[[[[1]]]]] }])
          const to = place()
          const error = yield* Effect.flip(lib.copy(to, { limits: { depthMax: 5 } }))
          assert.deepInclude(error, { _tag: "BeyondLimits", tape: "events", ordinal: 40 })
          assert.match(error.message, /record 40 of tape events is beyond the limits of the copy/)
          yield* Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append([{ text: "x".repeat(400) }]))
          const long = yield* Effect.flip(lib.copy(to, { limits: { recordBytesMax: 300 } }))
          assert.deepInclude(long, { _tag: "BeyondLimits", tape: "notes", ordinal: 0 })
          // Nothing is there.
          yield* lib.copy(to, { limits: { depthMax: 6, recordBytesMax: 500 } })
          yield* withLib(storage, to, (copy) => Effect.sync(() => assert.strictEqual(copy.limits.depthMax, 6)), {
            mode: "read"
          })
        })
      )
    })
  )

  it.live("refuses more tapes than lib meta has room for, and says what to do", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* withLib(
        storage,
        place(),
        (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            yield* store.appendAll(
              Array.from({ length: 60 }, (_, n) => ({ stream: `c${n}-1`, events: [{ type: "T" }] }))
            )
            const limits = { metaBytesMax: 16 * 1024 }
            const error = yield* Effect.flip(lib.copy(place(), { limits, placement: { kind: "category" } }))
            assert.strictEqual(error._tag, "MetaInvalid")
            assert.match(
              error.message,
              /Lib\.copy makes a lib of the same events with the placement category-or-shared/
            )
            const { events } = yield* lib.copy(place(), { limits, placement: { kind: "hashed", tapes: 4 } })
            assert.strictEqual(events, 60)
          }),
        { placement: single }
      )
    })
  )
}
