/**
 * What opening a lib for writing does with the own folders of other writers, and with a lib that was copied. The campaigns
 * `locks` and `crashes` stop writers and cut the power in between.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Logger from "effect/Logger"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import { DiskState, PowerLoss, SimulatedDisk } from "litetapes/testing"
import * as fs from "node:fs"
import * as path from "node:path"
import { Disk } from "../../src/services/ports/Disk.ts"
import { openSession, recordsOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()
const uuid = "0d3f6f0e-8a57-4b0a-9d0f-0123456789ab"

const appendOne = (lib: Lib.Lib["Service"], n: number) =>
  Effect.flatMap(tapeOf(lib, "order"), (tape) => tape.append([{ n }]))

/** Makes a lib with one record, and closes it. */
const madeLib = Effect.gen(function* () {
  const at = newPlace()
  yield* withLib(yield* NodeStorage.make, at, (lib) => appendOne(lib, 0))
  return at
})

const writerFoldersIn = (at: string) => fs.readdirSync(at).filter((name) => name.startsWith("litelib.writer-"))

describe("the own folder of a writer", () => {
  it.live("is there while the lib is open for writing, says whose it is, and is gone afterwards", () =>
    Effect.gen(function* () {
      const at = yield* madeLib
      assert.deepStrictEqual(writerFoldersIn(at), [])
      const storage = yield* NodeStorage.make
      yield* withLib(storage, at, () =>
        Effect.sync(() => {
          const [name, ...others] = writerFoldersIn(at)
          assert.deepStrictEqual(others, [])
          const owner = JSON.parse(fs.readFileSync(path.join(at, name!, "owner"), "utf8")) as object
          assert.deepStrictEqual(Object.keys(owner), ["host", "pid", "since"])
          assert.propertyVal(owner, "pid", process.pid)
        })
      )
      yield* withLib(storage, at, () => Effect.sync(() => assert.deepStrictEqual(writerFoldersIn(at), [])), {
        mode: "read"
      })
    })
  )

  it.live("is removed by the next writer, which keeps what no writer writes", () =>
    Effect.gen(function* () {
      const at = yield* madeLib
      const left = path.join(at, `litelib.writer-${uuid}`)
      for (const folder of ["2-invoice", "empty", "3-empty", "4-invoice"])
        fs.mkdirSync(path.join(left, folder), { recursive: true })
      for (const file of ["owner", "1", "27", "notes.txt", "2-invoice/tape.meta.jsonl", "4-invoice/seg-000001.jsonl"]) {
        fs.writeFileSync(path.join(left, file), file)
      }
      fs.writeFileSync(`${at}.secret`, "secret")
      fs.symlinkSync(`${at}.secret`, path.join(left, "5"))
      fs.mkdirSync(`${at}.elsewhere`)
      fs.symlinkSync(`${at}.elsewhere`, path.join(left, "6-order"))
      yield* withLib(yield* NodeStorage.make, at, (lib) => appendOne(lib, 1))
      const aside = fs.readdirSync(at, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(".aside-"))
      assert.deepStrictEqual(aside.toSorted(), [
        "5.aside-1",
        "invoice.aside-1",
        "invoice.aside-1/tape.meta.jsonl",
        "invoice.aside-2",
        "invoice.aside-2/seg-000001.jsonl",
        "notes.txt.aside-1",
        "order.aside-1"
      ])
      assert.isFalse(fs.existsSync(left))
      assert.strictEqual(fs.readFileSync(`${at}.secret`, "utf8"), "secret")
    })
  )

  it.live("is only what has the name of one and is a folder", () =>
    Effect.gen(function* () {
      const at = yield* madeLib
      fs.mkdirSync(`${at}.elsewhere`)
      fs.writeFileSync(path.join(`${at}.elsewhere`, "owner"), "mine")
      fs.symlinkSync(`${at}.elsewhere`, path.join(at, `litelib.writer-${uuid}`))
      fs.writeFileSync(path.join(at, `litelib.writer-${uuid.replace("0", "1")}`), "a file")
      fs.mkdirSync(path.join(at, "litelib.writer-x"))
      fs.writeFileSync(path.join(at, "litelib.writer-x", "owner"), "mine")
      const before = fs.readdirSync(at).toSorted()
      yield* withLib(yield* NodeStorage.make, at, (lib) => appendOne(lib, 1))
      assert.deepStrictEqual(fs.readdirSync(at).toSorted(), before)
      assert.strictEqual(fs.readFileSync(path.join(`${at}.elsewhere`, "owner"), "utf8"), "mine")
      assert.strictEqual(fs.readFileSync(path.join(at, "litelib.writer-x", "owner"), "utf8"), "mine")
    })
  )

  it.live("makes no folder a lib, and no foreign one either", () =>
    Effect.gen(function* () {
      const at = newPlace()
      fs.mkdirSync(path.join(at, `litelib.writer-${uuid}`), { recursive: true })
      const storage = yield* NodeStorage.make
      const reading = yield* Effect.flip(withLib(storage, at, () => Effect.void, { mode: "read" }))
      assert.propertyVal(reading, "_tag", "LibInvalid")
      yield* withLib(storage, at, (lib) => appendOne(lib, 0))
      assert.deepStrictEqual(writerFoldersIn(at), [])
    })
  )

  it.live("stops a writer in the same process, whose lock was dropped, before it acknowledges more", () =>
    Effect.gen(function* () {
      const disk = SimulatedDisk.make()
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
      const first = yield* openSession(storage, "/lib")
      yield* appendOne(first.lib, 0)
      disk.dropLocks()
      const second = yield* openSession(storage, "/lib")
      assert.propertyVal(yield* Effect.flip(appendOne(first.lib, 1)), "_tag", "CommitOutcomeUnknown")
      assert.propertyVal(yield* Effect.flip(appendOne(first.lib, 2)), "_tag", "WriterPoisoned")
      yield* appendOne(second.lib, 3)
      yield* first.close
      yield* appendOne(second.lib, 4)
      yield* second.close
      const records = yield* withLib(storage, "/lib", (lib) => recordsOf(lib, "order"))
      assert.deepStrictEqual(records, [{ n: 0 }, { n: 3 }, { n: 4 }])
    })
  )
})

/** Returns the files and folders of a disk on one that has made none of them durable. */
const copyOf = (state: DiskState.DiskState, isCopied: (path: string) => boolean): DiskState.DiskState => {
  let copy = { ...DiskState.empty, boot: state.boot, next: state.next }
  for (const [path, bytes] of DiskState.contents(state)) {
    if (!isCopied(path)) continue
    const { inode, name } = DiskState.parentOf(copy, path)!
    const added = DiskState.addNode(copy, inode, name, bytes === undefined ? "folder" : "file")
    copy = bytes === undefined ? added.state : DiskState.write(added.state, added.inode, 0, bytes)
  }
  return copy
}

/** Opens the lib on a disk with this state, and returns its steps. */
const using = <A, E>(state: DiskState.DiskState, body: (lib: Lib.Lib["Service"]) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const steps: Array<string> = []
    const disk = SimulatedDisk.make({
      state,
      onStep: ({ operation, path }) => {
        steps.push(`${operation} ${path.replace(/writer-[\da-f-]+/, "writer")}`)
        return undefined
      }
    })
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const value = yield* withLib(storage, "/lib", body, { closeBytes: 400 })
    return { value, steps, state: disk.state() }
  })

const warned = (lib: Lib.Lib["Service"]) => Effect.sync(() => lib.report.warnings.map(({ why }) => why))

describe("a lib that was copied by hand", () => {
  it("loses nothing to a power loss once it was opened, whatever was copied of the files that are not its own", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        fc.boolean(),
        (appends, hasPlace, hasHint) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const made = yield* using(DiskState.empty, (lib) =>
                Effect.gen(function* () {
                  for (const count of appends) {
                    const tape = yield* tapeOf(lib, `tape-${count}`)
                    yield* tape.append(Array.from({ length: count }, (_, n) => ({ n, text: "x".repeat(100) })))
                  }
                  const tape = yield* tapeOf(lib, `tape-${appends[0]}`)
                  yield* tape.repack({ shardEvery: 2, targetBytes: 100, force: true })
                })
              )
              const isCopied = (path: string) =>
                (hasPlace || !path.endsWith("litelib.place")) && (hasHint || !path.endsWith("litelib.acked"))
              const read = (lib: Lib.Lib["Service"]) =>
                Effect.flatMap(lib.tapes, (tapes) => Effect.forEach(tapes, ({ name }) => recordsOf(lib, name)))
              const copy = copyOf(made.state, isCopied)
              const opened = yield* using(copy, read)
              const left = yield* using(PowerLoss.loseAll(opened.state), read)
              assert.deepStrictEqual(left.value, opened.value)
            }).pipe(Effect.provide(Logger.layer([])))
          )
      ),
      { numRuns: 30 }
    ))

  it.live("is synced once, and reported", () =>
    Effect.gen(function* () {
      const made = yield* using(DiskState.empty, (lib) => appendOne(lib, 0))
      const first = yield* using(
        copyOf(made.state, () => true),
        warned
      )
      assert.lengthOf(first.value, 1)
      assert.match(first.value[0]!, /^it was copied here.* Its 5 files and folders were synced/)
      for (const file of ["litelib.meta.jsonl", "order/tape.meta.jsonl", "order/seg-000001.jsonl"]) {
        assert.include(first.steps, `sync /lib/${file}`)
      }
      for (const folder of ["/lib/order", "/lib", "/"]) assert.include(first.steps, `syncFolder ${folder}`)
      assert.deepStrictEqual((yield* using(first.state, warned)).value, [])
      // Nothing of a lib that was lost in a power loss and is there again may be trusted more than a copy.
      assert.lengthOf((yield* using(PowerLoss.loseAll(first.state), warned)).value, 1)
    })
  )

  it.live("costs one file more to read, and no sync, if it was not copied", () =>
    Effect.gen(function* () {
      const made = yield* using(DiskState.empty, (lib) => appendOne(lib, 0))
      const { steps } = yield* using(made.state, () => Effect.void)
      const opening = steps.slice(
        0,
        steps.findIndex((step) => step === "stat /lib/litelib.writer/owner")
      )
      const ofPlace = steps.filter((step) => step.endsWith("/litelib.place"))
      assert.deepStrictEqual(ofPlace.slice(0, 3), [
        "openRead /lib/litelib.place",
        "size /lib/litelib.place",
        "read /lib/litelib.place"
      ])
      assert.isBelow(opening.length, 20)
      const early = steps.slice(0, steps.indexOf("openRead /lib/litelib.meta.jsonl"))
      assert.deepStrictEqual(
        early.filter((step) => step.startsWith("sync")),
        []
      )
    })
  )
})
