import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import { Storage } from "litetapes/Storage"
import * as NodeDisk from "../../src/layers/NodeDisk.ts"
import type { DiskError } from "../../src/services/ports/Disk.ts"
import { type LockHolder, startLockHolder } from "../support/lockHolder.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const disk = NodeDisk.make
const newPath = temporaryFolder()

const codeOf = <A, R>(effect: Effect.Effect<A, DiskError, R>) => Effect.map(Effect.flip(effect), (error) => error.code)

/** Starts a child that is killed when the test ends, unless it was killed before. */
const holder = (lockPath: string, uid?: number) =>
  Effect.acquireRelease(
    Effect.promise(() => startLockHolder(lockPath, uid)),
    (child: LockHolder) => Effect.promise(() => child.kill())
  )

const tryInWorker = (lockPath: string) =>
  Effect.promise(async () => {
    const script = fileURLToPath(new URL("../support/programs/lockInWorker.ts", import.meta.url))
    const worker = new Worker(script, { workerData: lockPath })
    const [said] = (await once(worker, "message")) as [string]
    await worker.terminate()
    return said
  })

describe("the lock of NodeDisk", () => {
  it.live("is refused, with advice, by a runtime without node:sqlite", () =>
    Effect.gen(function* () {
      const { getBuiltinModule } = process
      process.getBuiltinModule = (() => undefined) as unknown as typeof getBuiltinModule
      const location = newPath()
      const open = Effect.flatMap(NodeStorage.make, (storage) =>
        Effect.scoped(Effect.provideService(Lib.open(location), Storage, storage))
      )
      const error = yield* Effect.flip(open).pipe(
        Effect.ensuring(Effect.sync(() => (process.getBuiltinModule = getBuiltinModule)))
      )
      assert.strictEqual(error._tag, "StorageError")
      assert.include(error.message, "this runtime has no node:sqlite")
      // Nothing of a lib was made without a lock.
      assert.notInclude(fs.readdirSync(location), "litelib.meta.jsonl")
      yield* open
    })
  )

  it.live("refuses this process, a worker thread and another process until its scope closes", () =>
    Effect.gen(function* () {
      const at = newPath()
      const scope = yield* Scope.make()
      const lock = yield* Scope.provide(disk.lock(at), scope)
      assert.strictEqual(yield* codeOf(disk.lock(at)), "ELOCKED")
      assert.strictEqual(yield* tryInWorker(at), "ELOCKED")
      // After the attempts above: they must not have dropped the lock.
      assert.strictEqual((yield* holder(at)).said, "ELOCKED")
      assert.isTrue(yield* lock.held)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(yield* lock.held)
      assert.strictEqual((yield* holder(at)).said, "held")
    })
  )

  it.live.runIf(process.platform === "linux")("is taken again once the kernel has dropped it", () =>
    Effect.gen(function* () {
      const at = newPath()
      const lock = yield* disk.lock(at)
      assert.isTrue(yield* lock.keep!)
      // What a copy of the folder does: POSIX drops all locks of this process on the file.
      fs.closeSync(fs.openSync(at, "r"))
      assert.isTrue(yield* lock.held)
      assert.isTrue(yield* lock.keep!)
      assert.strictEqual((yield* holder(at)).said, "ELOCKED")
      fs.unlinkSync(at)
      assert.isTrue(yield* lock.keep!)
      assert.strictEqual((yield* holder(at)).said, "ELOCKED")
    })
  )

  it.live("is lost if another process took it after the kernel had dropped it", () =>
    Effect.gen(function* () {
      const at = newPath()
      const scope = yield* Scope.make()
      const lock = yield* Scope.provide(disk.lock(at), scope)
      fs.closeSync(fs.openSync(at, "r"))
      assert.strictEqual((yield* holder(at)).said, "held")
      if (process.platform === "linux") assert.isFalse(yield* lock.keep!)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Scope.close(scope, Exit.void))))
      assert.strictEqual(yield* codeOf(disk.lock(at)), "ELOCKED")
    })
  )

  it.live("is refused under another name of the same file", () =>
    Effect.gen(function* () {
      const folder = newPath()
      yield* disk.makeFolder(folder)
      const alias = newPath()
      fs.symlinkSync(folder, alias)
      yield* disk.lock(path.join(folder, "lock"))
      assert.strictEqual(yield* codeOf(disk.lock(path.join(alias, "lock"))), "ELOCKED")
      fs.linkSync(path.join(folder, "lock"), path.join(folder, "twin"))
      assert.strictEqual(yield* codeOf(disk.lock(path.join(folder, "twin"))), "ELOCKED")
      assert.strictEqual((yield* holder(path.join(folder, "lock"))).said, "ELOCKED")
    })
  )

  it.live("cannot be dropped by opening its file through the disk", () =>
    Effect.gen(function* () {
      const at = newPath()
      yield* disk.lock(at)
      assert.strictEqual(yield* codeOf(disk.openRead(at)), "EUNSAFE")
      assert.strictEqual(yield* codeOf(disk.openWrite(at)), "EUNSAFE")
      assert.strictEqual((yield* holder(at)).said, "ELOCKED")
    })
  )

  it.live("ends with the process that holds it", () =>
    Effect.gen(function* () {
      const at = newPath()
      const child = yield* holder(at)
      assert.strictEqual(child.said, "held")
      assert.strictEqual(yield* codeOf(disk.lock(at)), "ELOCKED")
      yield* Effect.promise(child.kill)
      const lock = yield* disk.lock(at)
      assert.isTrue(yield* lock.held)
    })
  )

  it.live("is no longer held once its file is unlinked or replaced", () =>
    Effect.gen(function* () {
      const at = newPath()
      const lock = yield* disk.lock(at)
      fs.renameSync(at, `${at}.moved`)
      assert.isFalse(yield* lock.held)
      fs.writeFileSync(at, "")
      assert.isFalse(yield* lock.held)
      // Not by this process either, although the new file is free.
      assert.strictEqual(yield* codeOf(disk.lock(at)), "ELOCKED")
      fs.unlinkSync(at)
      fs.symlinkSync(`${at}.moved`, at)
      assert.isFalse(yield* lock.held)
      fs.unlinkSync(at)
      fs.renameSync(`${at}.moved`, at)
      assert.isTrue(yield* lock.held)
    })
  )

  it.live("leaves only its empty file", () =>
    Effect.gen(function* () {
      const folder = newPath()
      yield* disk.makeFolder(folder)
      yield* Effect.scoped(
        Effect.andThen(
          disk.lock(path.join(folder, "lock")),
          Effect.sync(() => assert.deepStrictEqual(fs.readdirSync(folder), ["lock"]))
        )
      )
      assert.deepStrictEqual(fs.readdirSync(folder), ["lock"])
      assert.strictEqual(fs.statSync(path.join(folder, "lock")).size, 0)
    })
  )

  it.live("refuses a file that is not a lock file, and a folder that does not exist", () =>
    Effect.gen(function* () {
      const at = newPath()
      fs.mkdirSync(at)
      fs.writeFileSync(path.join(at, "text"), "not a database, but long enough to be looked at as one. ".repeat(20))
      fs.symlinkSync(path.join(at, "elsewhere"), path.join(at, "link"))
      assert.strictEqual(yield* codeOf(disk.lock(at)), "EUNSAFE")
      assert.strictEqual(yield* codeOf(disk.lock(path.join(at, "text"))), "EUNSAFE")
      assert.strictEqual(yield* codeOf(disk.lock(path.join(at, "link"))), "EUNSAFE")
      assert.strictEqual(yield* codeOf(disk.lock(path.join(at, "absent", "lock"))), "ENOENT")
      assert.deepStrictEqual(fs.readdirSync(at).toSorted(), ["link", "text"])
    })
  )

  it.live("is refused on a file that cannot be written to, because it would be a shared lock", () =>
    Effect.gen(function* () {
      const folder = newPath()
      fs.mkdirSync(folder)
      const at = path.join(folder, "lock")
      fs.writeFileSync(at, "")
      fs.chmodSync(at, 0o444)
      // The superuser may write anyway, so as superuser this test tries as another user.
      const uid = process.getuid!() === 0 ? 65_534 : undefined
      fs.chmodSync(path.dirname(folder), 0o755)
      fs.chmodSync(folder, 0o777)
      assert.strictEqual((yield* holder(at, uid)).said, "EACCES")
    })
  )

  it.live("never writes SQLite's warnings to standard error", () =>
    Effect.gen(function* () {
      const child = yield* holder(newPath())
      assert.strictEqual(child.said, "held")
      yield* Effect.promise(child.kill)
      assert.strictEqual(child.complained(), "")
    })
  )
})
