/** What is kept for a consumer: writes at the same time, and texts that are damaged, hostile or of something else. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as NodeDisk from "litetapes/NodeDisk"
import type { StorageError } from "litetapes/Storage"
import { SimulatedDisk } from "litetapes/testing"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { type Checkpoints, made, openStore, type Options, quiet, start, type Store } from "../support/consumers.ts"
import { checkedTag } from "../support/messages.ts"
import { settle } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newFolder = temporaryFolder()

describe("writes of a checkpoint at the same time", () => {
  it.effect("leave the last one, whole, in a folder", () =>
    Effect.gen(function* () {
      for (let turns = 1; turns < 8; turns++) {
        const { layer } = SimulatedDisk.make({ turns: ({ index }) => (index % turns) * 3 })
        const folder = yield* Effect.provide(CheckpointStore.makeFolder("/checkpoints"), layer)
        const entries = yield* folder.claim("tested", "refuse")
        const texts = Array.from({ length: 5 }, (_, n) => `${n}`.repeat(100))
        yield* Effect.forEach(texts, (text) => entries.set("checkpoint", text), { concurrency: "unbounded" })
        assert.strictEqual(yield* entries.get("checkpoint"), texts.at(-1))
        assert.deepStrictEqual(yield* entries.keys, ["checkpoint"])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("keep a reset from being overtaken by an older checkpoint", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* store.append("order-1", made)
      const [written, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const memory = yield* CheckpointStore.makeMemory
      const lows: Array<number> = []
      const slow: Checkpoints = {
        claim: (consumer, onClaimed) =>
          Effect.map(memory.claim(consumer, onClaimed), (entries) => ({
            ...entries,
            set: (_, text) =>
              Effect.gen(function* () {
                if (text.includes('"low":1')) {
                  yield* Deferred.succeed(written, undefined)
                  yield* Deferred.await(release)
                }
                lows.push((JSON.parse(text) as { readonly low: number }).low)
              })
          }))
      }
      let calls = 0
      const ended = yield* Deferred.make<void>()
      const handler = () => Effect.suspend(() => (calls++ === 0 ? Effect.void : Deferred.await(ended)))
      const { running } = yield* start(store, slow, { handler, checkpoint: { events: 1 } })
      yield* Deferred.await(written)
      const resetting = yield* Effect.forkChild(running.reset("start"))
      yield* settle
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(resetting)
      yield* settle
      assert.deepStrictEqual(lows.slice(0, 3), [0, 1, 0])
      assert.isFalse(lows.includes(1, 2))
      yield* Deferred.succeed(ended, undefined)
    }).pipe(Effect.provide(quiet))
  )
})

describe("a text that is not what the consumer wrote is refused with what to do about it", () => {
  /** Runs a consumer that parks its first event, and returns what it keeps. */
  const keptBy = (store: Store, checkpoints: Checkpoints) =>
    Effect.gen(function* () {
      const handler: Options["handler"] = ({ position }) => (position === 0 ? Effect.fail("no") : Effect.void)
      const { close, running } = yield* start(store, checkpoints, { handler, maxAttempts: 1, onPoison: "park" })
      yield* running.whenCaughtUp
      yield* close
    })

  it.effect("in a key value store", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openStore
      yield* store.append("order-1", [...made, ...made])
      const values = yield* KeyValueStore.KeyValueStore
      const checkpoints = CheckpointStore.makeKeyValueStore(values)
      yield* keptBy(store, checkpoints)
      const place = "litetapes/tested/entry-"
      const read = (key: string) => Effect.map(values.get(place + key), (text) => text!)
      const [checkpoint, parked] = [yield* read("checkpoint"), yield* read("parked-0")]
      const changed = (text: string, by: object) => JSON.stringify({ ...(JSON.parse(text) as object), ...by })
      const prefixes = (text: string) =>
        Array.from({ length: text.trimEnd().length }, (_, length) => text.slice(0, length))
      const id = "0".repeat(8)
      const ranges = Array.from({ length: 1_000_000 }, (_, n) => [2 * n + 2, 2 * n + 3])
      const all: ReadonlyArray<readonly [key: string, text: string, tag: string, says: RegExp]> = [
        ...prefixes(checkpoint).map(
          (text) => ["checkpoint", text, "CheckpointInvalid", /damaged.*remove it to handle all/] as const
        ),
        ...prefixes(parked).map(
          (text) => ["parked-0", text, "CheckpointInvalid", /damaged.*remove it to forget the/] as const
        ),
        ["checkpoint", "\0".repeat(100), "CheckpointInvalid", /damaged/],
        ["checkpoint", "[".repeat(100_000), "CheckpointInvalid", /damaged/],
        ["checkpoint", '"text"', "CheckpointInvalid", /damaged/],
        ["checkpoint", parked, "CheckpointInvalid", /damaged/],
        ["checkpoint", changed(checkpoint, { low: 1.5 }), "CheckpointInvalid", /damaged/],
        ["checkpoint", changed(checkpoint, { low: "1" }), "CheckpointInvalid", /damaged/],
        ["checkpoint", changed(checkpoint, { done: [[1, 1]] }), "CheckpointInvalid", /damaged/],
        [
          "checkpoint",
          changed(checkpoint, {
            done: [
              [2, 4],
              [3, 5]
            ],
            end: 9
          }),
          "CheckpointInvalid",
          /damaged/
        ],
        [
          "checkpoint",
          changed(checkpoint, { done: ranges, end: 2_000_001 }),
          "CheckpointInvalid",
          /more than 8388608 characters/
        ],
        ["checkpoint", changed(checkpoint, { format: 2 }), "CheckpointInvalid", /format 2.*upgrade/],
        ["checkpoint", changed(checkpoint, { format: 0 }), "CheckpointInvalid", /damaged/],
        ["checkpoint", changed(checkpoint, { consumer: "other" }), "CheckpointInvalid", /it is of consumer "other"/],
        ["checkpoint", changed(checkpoint, { version: 2 }), "NewerConsumer", /version 2/],
        ["checkpoint", changed(checkpoint, { lib: id }), "NotInHistory", /lib 00000000/],
        ["checkpoint", changed(checkpoint, { lineage: id }), "NotInHistory", /restored|ends before/],
        ["checkpoint", changed(checkpoint, { end: 3 }), "NotInHistory", /ends before it/],
        ["checkpoint", changed(checkpoint, { end: Number.MAX_SAFE_INTEGER }), "NotInHistory", /ends before it/],
        ["parked-0", changed(parked, { position: 1 }), "CheckpointInvalid", /it is of position 1/],
        ["parked-0", changed(parked, { lib: id }), "CheckpointInvalid", /it is of lib "00000000"/],
        ["parked-0", changed(parked, { lineage: id }), "NotInHistory", /restored|ends before/],
        ["parked-0", checkpoint, "CheckpointInvalid", /damaged/],
        ["parked-7", changed(parked, { position: 7 }), "NotInHistory", /ends before it/]
      ]
      for (const [key, text, tag, says] of all) {
        yield* values.set(place + key, text)
        const error = yield* Effect.flip(start(store, checkpoints))
        assert.strictEqual(checkedTag(error), tag, text.slice(0, 200))
        assert.match(error.message, says)
        yield* values.remove(`${place}parked-7`)
        yield* Effect.all([values.set(`${place}checkpoint`, checkpoint), values.set(`${place}parked-0`, parked)])
      }
      const { running } = yield* start(store, checkpoints)
      assert.deepStrictEqual(
        (yield* running.parked).map(({ lib: of, position }) => [of, position]),
        [[lib.id, 0]]
      )
    }).pipe(Effect.provide(KeyValueStore.layerMemory), Effect.provide(quiet))
  )

  it.live("in a folder also if it is too large, or not a file", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* store.append("order-1", [...made, ...made])
      const folder = newFolder()
      const checkpoints = yield* CheckpointStore.makeFolder(folder).pipe(Effect.provide(NodeDisk.layer))
      yield* keptBy(store, checkpoints)
      const file = path.join(folder, "tested", "checkpoint.json")
      const kept = `${file}.kept`
      fs.renameSync(file, kept)
      const puts: ReadonlyArray<readonly [put: () => void, reason: string]> = [
        [() => fs.truncateSync(fs.writeFileSync(file, "{") ?? file, 8 * 1024 * 1024 + 1), "too-large"],
        [() => fs.symlinkSync(kept, file), "unsafe"],
        [() => fs.mkdirSync(file), "unsafe"]
      ]
      for (const [put, reason] of puts) {
        put()
        const error = yield* Effect.flip(start(store, checkpoints))
        assert.strictEqual(checkedTag(error), "StorageError")
        assert.strictEqual((error as StorageError).reason, reason)
        fs.rmSync(file, { recursive: true })
      }
    }).pipe(Effect.provide(quiet))
  )
})
