/** Key stores: what all of them promise, and what a folder does about crashes, open permissions and damaged files. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import * as EventStore from "litetapes/EventStore"
import * as KeyStore from "litetapes/KeyStore"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import * as SqliteClient from "litetapes/SqliteClient"
import { DiskState, PowerLoss, SimulatedDisk } from "litetapes/testing"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { checkedTag } from "../support/messages.ts"
import { tagOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { makeRandom } from "../reliability/random.ts"

const newFolder = temporaryFolder()

type Keys = KeyStore.KeyStore["Service"]

const inFolder = (folder: string) => Effect.provide(KeyStore.makeFolder(folder), NodeDisk.layer)

const openSql = Effect.provide(SqliteClient.make(":memory:"), Reactivity.layer)

/** Two services over the same keys, as two processes have them. */
const kinds = {
  "in memory": Effect.map(KeyStore.makeMemory, (keys) => [keys, keys] as const),
  "in a folder": Effect.suspend(() => {
    const folder = newFolder()
    return Effect.all([inFolder(folder), inFolder(folder)])
  }),
  "in SQL": Effect.flatMap(openSql, (sql) =>
    Effect.provideService(Effect.all([KeyStore.makeSql(), KeyStore.makeSql()]), SqlClient.SqlClient, sql)
  )
}

const versionsOf = (keys: Keys, subject: string) =>
  Effect.map(keys.find([subject]), (found) => found.get(subject)?.keys.map(({ version }) => version))

it.live("keys in SQL are neither made nor destroyed in a transaction that others may roll back", () =>
  Effect.gen(function* () {
    const sql = yield* openSql
    const keys = yield* Effect.provideService(KeyStore.makeSql(), SqlClient.SqlClient, sql)
    yield* keys.acquire(["bob"])
    for (const change of [keys.acquire(["ada"]), keys.rotate("bob"), keys.forget("bob")]) {
      const { message } = yield* Effect.flip(sql.withTransaction(change as Effect.Effect<unknown, Error>))
      assert.match(message, /give the KeyStore a client of its own/)
    }
    assert.deepStrictEqual(yield* versionsOf(keys, "bob"), [1])
    assert.isUndefined(yield* versionsOf(keys, "ada"))
  }).pipe(Effect.scoped)
)

for (const [name, make] of Object.entries(kinds)) {
  describe(`keys ${name}`, () => {
    it.live("are made once for each subject, also by two processes at the same time", () =>
      Effect.gen(function* () {
        const [one, other] = yield* make
        const subjects = ["ada", "grace", "a/../b", "\u0001", "ä", "x".repeat(256)]
        assert.strictEqual((yield* one.find(subjects)).size, 0)
        const made = yield* Effect.all([one.acquire(subjects), other.acquire(subjects)], { concurrency: "unbounded" })
        assert.deepStrictEqual(made[0], made[1])
        assert.deepStrictEqual(yield* one.find([...subjects, "nobody"]), made[0])
        const bytes = [...made[0].values()].map(({ keys }) => Buffer.from(keys[0]!.bytes).toString("hex"))
        assert.strictEqual(new Set(bytes).size, subjects.length)
        assert.isTrue(bytes.every((key) => key.length === 64))
        assert.strictEqual((yield* one.find([])).size, 0)
      }).pipe(Effect.scoped)
    )

    it.effect("are rotated, destroyed and renewed, and no version is ever used twice", () =>
      Effect.gen(function* () {
        const [one, other] = yield* make
        yield* one.acquire(["ada", "grace"])
        yield* one.rotate("ada")
        assert.deepStrictEqual(yield* versionsOf(other, "ada"), [1, 2])
        yield* TestClock.setTime(Date.parse("2031-02-03T04:05:06.000Z"))
        yield* one.forget("ada")
        yield* TestClock.adjust("1 hour")
        yield* other.forget("ada")
        assert.deepStrictEqual((yield* other.acquire(["ada"])).get("ada"), {
          ...(yield* one.find(["ada"])).get("ada")!,
          keys: [],
          destroyed: 2
        })
        assert.deepStrictEqual(yield* other.forgotten, [{ subject: "ada", time: "2031-02-03T04:05:06.000Z" }])
        assert.strictEqual(yield* tagOf(other.rotate("ada")), "SubjectForgotten")
        yield* other.renew("ada")
        yield* one.renew("ada")
        assert.deepStrictEqual(yield* versionsOf(one, "ada"), [3])
        assert.deepStrictEqual(yield* one.forgotten, [])
        assert.deepStrictEqual(yield* versionsOf(one, "grace"), [1])
        // Also somebody who never had a key.
        yield* one.forget("nobody")
        assert.deepStrictEqual(yield* versionsOf(one, "nobody"), [])
        assert.deepStrictEqual((yield* one.acquire(["nobody"])).get("nobody")!.keys, [])
      }).pipe(Effect.scoped)
    )

    it.effect("refuse what is not the id of a subject", () =>
      Effect.gen(function* () {
        const [one] = yield* make
        for (const subject of ["", "x".repeat(257), "\ud800", undefined, null, 1, {}]) {
          for (const call of [one.rotate, one.forget, one.renew]) {
            assert.strictEqual(yield* tagOf(call(subject as string)), "InvalidArgument")
          }
        }
      }).pipe(Effect.scoped)
    )
  })
}

describe("a folder of keys", () => {
  it.effect("is readable by nobody else, and refused if it is", () =>
    Effect.gen(function* () {
      const folder = newFolder()
      const keys = yield* inFolder(folder)
      yield* keys.acquire(["ada"])
      const file = fs.readdirSync(folder).find((name) => name.endsWith(".json"))
      const place = path.join(folder, file!)
      assert.strictEqual(fs.statSync(place).mode & 0o777, 0o600)
      assert.strictEqual(fs.statSync(folder).mode & 0o777, 0o700)
      for (const mode of [0o640, 0o604, 0o620, 0o666]) {
        fs.chmodSync(place, mode)
        for (const call of [keys.find(["ada"]), keys.acquire(["ada"]), keys.forget("ada"), keys.forgotten]) {
          const error = yield* Effect.flip(
            call as Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>
          )
          assert.strictEqual(checkedTag(error), "StorageError")
          assert.match(error.message, /unsafe.*chmod 600/)
        }
      }
      fs.chmodSync(place, 0o600)
      fs.chmodSync(folder, 0o755)
      const error = yield* Effect.flip(inFolder(folder))
      assert.match(error.message, /unsafe.*chmod 700/)
    })
  )

  it.effect("is refused in a lib, at any depth", () =>
    Effect.gen(function* () {
      const lib = newFolder()
      yield* Effect.scoped(EventStore.open(lib)).pipe(Effect.provide(NodeStorage.layer))
      for (const folder of [lib, path.join(lib, "keys"), path.join(lib, "a", "b", "..", "c")]) {
        const error = yield* Effect.flip(inFolder(folder))
        assert.strictEqual(checkedTag(error), "InvalidArgument")
        assert.match(error.message, /in the lib.*choose a folder outside/)
      }
      assert.isFalse(fs.existsSync(path.join(lib, "keys")))
      for (const folder of ["", "\0", undefined]) {
        assert.strictEqual(yield* tagOf(inFolder(folder as string)), "InvalidArgument")
      }
    })
  )

  it.effect("says what is damaged, and never quotes a key", () =>
    Effect.gen(function* () {
      const folder = newFolder()
      const keys = yield* inFolder(folder)
      yield* keys.acquire(["ada", "grace"])
      yield* keys.rotate("ada")
      const files = fs.readdirSync(folder).filter((name) => name.endsWith(".json"))
      const place = files
        .map((name) => path.join(folder, name))
        .find((one) => /"ada"/.test(fs.readFileSync(one, "utf8")))!
      const text = fs.readFileSync(place, "utf8")
      const [first, second] = (JSON.parse(text) as { readonly keys: ReadonlyArray<{ readonly key: string }> }).keys
      const changed = (by: object) => JSON.stringify({ ...(JSON.parse(text) as object), ...by })
      const short = Buffer.from(first!.key, "base64").subarray(1).toString("base64")
      const long = Buffer.concat([Buffer.from(first!.key, "base64"), Buffer.alloc(1)]).toString("base64")
      const damaged = [
        "",
        "null",
        "[]",
        "{}",
        "\0".repeat(100),
        "[".repeat(100_000),
        ...Array.from({ length: Math.ceil(text.trimEnd().length / 9) }, (_, n) => text.slice(0, 9 * n)),
        text.replace("ada", "grace"),
        changed({ subject: 1 }),
        changed({ destroyed: -1 }),
        changed({ destroyed: 1 }),
        changed({ destroyed: 2, forgotten: "2031" }),
        changed({ forgotten: 1 }),
        changed({ keys: [] }),
        changed({ keys: {} }),
        changed({ keys: [null] }),
        changed({ keys: [{ version: 1, key: short }] }),
        changed({ keys: [{ version: 1, key: long }] }),
        changed({ keys: [{ version: 1, key: "" }] }),
        changed({ keys: [{ version: 1, key: `${first!.key} ` }] }),
        changed({ keys: [{ version: 1, key: 1 }] }),
        changed({ keys: [{ version: 0, key: first!.key }] }),
        changed({
          keys: [
            { version: 2, key: first!.key },
            { version: 2, key: second!.key }
          ]
        }),
        changed({
          keys: [
            { version: 2, key: first!.key },
            { version: 1, key: second!.key }
          ]
        }),
        text + "x".repeat(2 * 1024 * 1024)
      ]
      for (const bad of damaged) {
        fs.writeFileSync(place, bad)
        for (const call of [keys.find(["grace", "ada"]), keys.acquire(["ada"]), keys.forget("ada"), keys.forgotten]) {
          const done = yield* Effect.result(
            call as Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>
          )
          // Of another subject: a list of all cannot tell.
          if (done._tag === "Success") continue
          const error = done.failure
          assert.strictEqual(checkedTag(error), "StorageError", bad.slice(0, 100))
          assert.match(error.message, /restore it from a copy|too-large/)
          assert.isFalse(error.message.includes(first!.key.slice(0, 8)))
        }
        assert.strictEqual(yield* tagOf(keys.find(["ada"])), "StorageError", bad.slice(0, 100))
      }
      fs.writeFileSync(place, text)
      assert.deepStrictEqual(yield* versionsOf(keys, "ada"), [1, 2])
    })
  )

  it.effect("keeps what it has acknowledged, whenever the power is cut, and leaves no destroyed key in a file", () =>
    Effect.gen(function* () {
      const images: Array<readonly [state: DiskState.DiskState, acknowledged: number]> = []
      const operations: Array<string> = []
      let acknowledged = 0
      const { disk, layer, state } = SimulatedDisk.make({
        onStep: ({ operation }, { state }) => {
          images.push([state(), acknowledged])
          operations.push(operation)
          return undefined
        }
      })
      yield* disk.makeFolder("/a")
      yield* disk.syncFolder("/")
      const keys = yield* Effect.provide(KeyStore.makeFolder("/a/keys"), layer)
      const first = (yield* keys.acquire(["ada"])).get("ada")!.keys[0]!
      acknowledged = 1
      yield* keys.rotate("ada")
      acknowledged = 2
      yield* keys.forget("ada")
      acknowledged = 3
      const text = Buffer.from(first.bytes).toString("base64")
      images.push([state(), acknowledged])
      const { next: random } = makeRandom(1)
      for (const [image, done] of images) {
        for (const left of PowerLoss.powerLosses(image, { limit: 20, random })) {
          const simulated = SimulatedDisk.make({ state: left })
          const again = Effect.provide(KeyStore.makeFolder("/a/keys"), simulated.layer)
          const found = (yield* Effect.flatMap(again, (one) => one.find(["ada"]))).get("ada")
          const now = found === undefined ? 0 : found.keys.length === 0 ? 3 : found.keys.length
          assert.include([done, done + 1], now)
          if (now === 1 || now === 2) assert.deepStrictEqual(found!.keys[0], first)
          const files = [...DiskState.contents(left).values()].map((bytes) => Buffer.from(bytes ?? []).toString())
          if (done === 3) assert.isFalse(files.some((file) => file.includes(text)))
        }
      }
      assert.isAbove(images.length, 30)
      // The bytes of the old file are overwritten once the new one is durable.
      assert.deepStrictEqual(operations.slice(operations.lastIndexOf("syncFolder")), ["syncFolder", "write", "sync"])
    })
  )

  it.effect("answers only with what is durable, also after a change that failed or was killed", () =>
    Effect.gen(function* () {
      const open = (disk: SimulatedDisk.SimulatedDisk) => Effect.provide(KeyStore.makeFolder("/a/keys"), disk.layer)
      for (const change of ["acquire", "forget"] as const) {
        const run = (keys: Keys): Effect.Effect<unknown, unknown> =>
          change === "acquire" ? keys.acquire(["ada"]) : keys.forget("ada")
        let isFailing = false
        let killed: DiskState.DiskState | undefined
        const disk = SimulatedDisk.make({
          onStep: ({ operation }, { state }) => {
            if (!isFailing || operation !== "syncFolder") return undefined
            killed = DiskState.kill(state())
            return { code: "EIO", done: 0 }
          }
        })
        yield* disk.disk.makeFolder("/a")
        yield* disk.disk.syncFolder("/")
        const keys = yield* open(disk)
        if (change === "forget") yield* keys.acquire(["ada"])
        isFailing = true
        yield* Effect.flip(run(keys))
        isFailing = false
        const next = SimulatedDisk.make({ state: killed! })
        for (const [how, one, of] of [
          ["failed", keys, disk],
          ["killed", yield* open(next), next]
        ] as const) {
          yield* run(one)
          const kept = (yield* one.find(["ada"])).get("ada")
          const { next: random } = makeRandom(1)
          for (const left of PowerLoss.powerLosses(of.state(), { limit: 20, random })) {
            const again = yield* open(SimulatedDisk.make({ state: left }))
            assert.deepStrictEqual((yield* again.find(["ada"])).get("ada"), kept, `${change}, ${how}`)
          }
        }
      }
    })
  )

  it.live("waits for the lock of another process only as long as its caller does", () =>
    Effect.gen(function* () {
      const folder = newFolder()
      const keys = yield* inFolder(folder)
      yield* Effect.scoped(
        Effect.andThen(
          NodeDisk.make.lock(path.join(folder, "keys.lock")),
          Effect.gen(function* () {
            const exit = yield* Effect.exit(Effect.timeout(keys.acquire(["ada"]), 100))
            assert.include(JSON.stringify(exit), "TimeoutError")
          })
        )
      )
      assert.deepStrictEqual([...(yield* keys.acquire(["ada"])).keys()], ["ada"])
    })
  )
})
