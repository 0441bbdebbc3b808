/** Many tapes: the cost of one more does not grow with those that are there, and a lib with very many says so. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { SimulatedDisk } from "litetapes/testing"
import * as LibFold from "../../src/domain/meta/LibFold.ts"
import type * as LibState from "../../src/domain/meta/LibState.ts"
import type { Role } from "../../src/domain/meta/SystemRecord.ts"
import { Disk } from "../../src/services/ports/Disk.ts"
import { openSession, storeOf, tapeOf, withLib } from "../support/openLib.ts"
import { epoch, hex, libMeta, libTape } from "../support/systemRecords.ts"

const byCategory: Lib.Options = { placement: { kind: "category" } }

/** What the disk did: number of steps, and bytes that were read. */
interface Cost {
  steps: number
  read: number
}

const ground = Effect.gen(function* () {
  const cost: Cost = { steps: 0, read: 0 }
  const paths: Array<string> = []
  const { disk } = SimulatedDisk.make({
    onStep: ({ operation, bytes = 0, path }) => {
      cost.steps++
      if (operation === "read") cost.read += bytes
      paths.push(path)
      return undefined
    }
  })
  const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk)
  /** Returns the cost since the last call. */
  const take = (): Cost => {
    const taken = { ...cost }
    Object.assign(cost, { steps: 0, read: 0 })
    paths.length = 0
    return taken
  }
  return { storage, take, paths }
})

const made = (store: EventStore.EventStore["Service"], from: number, to: number) =>
  Effect.forEach(
    Array.from({ length: to - from }, (_, n) => `category${String(from + n).padStart(6, "0")}-1`),
    (stream) => store.append(stream, [{ type: "T", data: null, id: "same" }]),
    { discard: true }
  )

describe("many tapes", () => {
  it.live("cost the same each: steps of the disk and bytes read do not grow with the tapes that are there", () =>
    Effect.gen(function* () {
      const { storage, take } = yield* ground
      yield* withLib(
        storage,
        "/lib",
        (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            // Until the end of lib meta that is compared is as long as it gets.
            yield* made(store, 0, 100)
            take()
            yield* made(store, 100, 200)
            const first = take()
            yield* made(store, 200, 500)
            take()
            yield* made(store, 500, 600)
            const last = take()
            assert.strictEqual(last.steps, first.steps)
            assert.isAtMost(last.read, first.read * 1.05)
            assert.isBelow(last.read / 100, 4096)
          }),
        byCategory
      )
    })
  )

  it.live("are not read when the lib is opened, nor when the first event is appended to one of them", () =>
    Effect.gen(function* () {
      const { paths, storage, take } = yield* ground
      const { close, lib } = yield* openSession(storage, "/lib", byCategory)
      yield* made(yield* storeOf(lib), 0, 300)
      yield* close
      take()
      yield* withLib(storage, "/lib", (again) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(
            paths.filter((path) => path.includes("/category")),
            []
          )
          take()
          const store = yield* storeOf(again)
          yield* store.append("category000007-1", [{ type: "T" }], { expected: 0 })
          const others = paths.filter((path) => path.includes("/category") && !path.includes("/category000007"))
          assert.deepStrictEqual(others, [])
          const { read } = take()
          // An index, and a dynamic segment's header: less than lib meta has for the tapes.
          assert.isBelow(read, 32 * 1024)
        })
      )
    })
  )

  it("cost no copy of the tapes that are there: a change looks only at the tape that it names", () => {
    let looks = 0
    class Counted<V> extends Map<string, V> {
      override get(key: string) {
        looks++
        return super.get(key)
      }
      override has(key: string) {
        looks++
        return super.has(key)
      }
      override [Symbol.iterator]() {
        looks += this.size
        return super[Symbol.iterator]()
      }
      override entries() {
        looks += this.size
        return super.entries()
      }
    }
    const chained = { hash: hex(1), previous: null }
    const empty = LibFold.fold("meta", [
      { ...libMeta, ...chained },
      { ...epoch(1, 1), ...chained }
    ])
    let state: LibState.LibState = {
      ...empty,
      tapes: new Counted<LibState.TapeListing>(),
      roles: new Counted<Role>()
    }
    for (let n = 1; n <= 1000; n++) state = LibFold.advance(state, LibFold.change(state, libTape(n)))
    assert.strictEqual(state.tapes.size, 1000)
    assert.isAtMost(looks, 3000)
  })

  it.live("leave a state that is not written as it is: a refused change changes nothing", () =>
    Effect.sync(() => {
      const chained = { hash: hex(1), previous: null }
      const state = LibFold.fold("meta", [
        { ...libMeta, ...chained },
        { ...epoch(1, 1), ...chained },
        { ...libTape(1), ...chained }
      ])
      const before = structuredClone({ ...state })
      LibFold.change(state, libTape(2))
      assert.throws(() => LibFold.change(state, libTape(2, { name: "tape-1" })))
      LibFold.after(state, libTape(3))
      assert.deepStrictEqual({ ...state }, before)
    })
  )

  it.live("are warned of from 1,000 event tapes on: once while they are made, and whenever the lib is opened", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const logged: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void logged.push(message))])
      const warned = () => logged.filter((message) => /event tapes/.test(String(message))).length
      const open = (options: Lib.Options, use: (lib: Lib.Lib["Service"]) => Effect.Effect<void, unknown>) =>
        Effect.provide(withLib<void, unknown>(storage, "lib", use, options), logger)
      yield* open(byCategory, (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          yield* tapeOf(lib, "records-do-not-count")
          yield* made(store, 0, 999)
          assert.strictEqual(warned(), 0)
          yield* made(store, 999, 1002)
          assert.strictEqual(warned(), 1)
          assert.deepStrictEqual(lib.report.warnings, [])
        })
      )
      for (const mode of ["write", "read"] as const) {
        logged.length = 0
        yield* open({ mode }, (lib) =>
          Effect.sync(() => {
            const [warning, ...others] = lib.report.warnings
            assert.deepStrictEqual(others, [])
            assert.strictEqual(warning?.place, "lib")
            assert.match(
              warning?.why ?? "",
              /^it has 1002 event tapes\. .*lib\.copy .*category-or-shared, hashed or single/
            )
            assert.strictEqual(warned(), 1)
          })
        )
      }
    })
  )
})
