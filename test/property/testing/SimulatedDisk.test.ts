/** The simulated disk in cases small enough to count by hand. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { DiskError, File } from "../../../src/services/ports/Disk.ts"
import * as DiskState from "../../../src/testing/DiskState.ts"
import { loseAll, powerLosses, sectorBytes } from "../../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import { run } from "../../reliability/crashes/run.ts"
import { simulate } from "../../reliability/crashes/session.ts"
import { makeRandom } from "../../reliability/random.ts"
import * as fc from "fast-check"
import { mkdirSync } from "node:fs"
import * as NodeDisk from "../../../src/layers/NodeDisk.ts"
import { diskOps, outcomes } from "../../support/diskOps.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { runs } from "../../support/runs.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** Returns the content of the disk as text: `name=content` of files, names of folders. */
const shown = (state: DiskState.DiskState): string =>
  [...DiskState.contents(state)]
    .map(([path, content]) => (content === undefined ? path : `${path}=${Buffer.from(content).toString("latin1")}`))
    .join(" ")

const everything = { limit: Number.POSITIVE_INFINITY, random: makeRandom(1).next }

/** Returns every state that a power loss may leave, once. */
const left = (state: DiskState.DiskState): ReadonlyArray<string> =>
  [...new Set([...powerLosses(state, everything)].map(shown))].toSorted()

/** The same with tears at random places. */
const leftAnywhere = (state: DiskState.DiskState): ReadonlyArray<string> => {
  const { next: random } = makeRandom(2)
  const found = Array.from({ length: 100 }, () => [...powerLosses(state, { limit: 1000, random })].map(shown))
  return [...new Set(found.flat())].toSorted()
}

const onDisk = (
  use: (simulated: SimulatedDisk.SimulatedDisk) => Effect.Effect<unknown, unknown>,
  options: SimulatedDisk.Options = {}
): DiskState.DiskState => {
  const simulated = SimulatedDisk.make(options)
  Effect.runSync(use(simulated))
  return simulated.state()
}

/** Creates a file with durable content. */
const durable = ({ disk }: SimulatedDisk.SimulatedDisk, path: string, text: string): Effect.Effect<File, DiskError> =>
  Effect.tap(disk.create(path), (file) =>
    file.write(bytes(text), 0).pipe(Effect.andThen(file.sync), Effect.andThen(disk.syncFolder("/")))
  )

const newPath = temporaryFolder()

describe("a power loss", () => {
  it("leaves any of the new names of a folder that was not synced", () => {
    const state = onDisk(({ disk }) => Effect.andThen(disk.create("/a"), disk.makeFolder("/b")))
    assert.deepStrictEqual(left(state), ["", "/a=", "/a= /b", "/b"])
    assert.strictEqual([...powerLosses(state, everything)].length, 4)
  })

  it("leaves a renamed file under either name, both or none, and the file that it replaced", () => {
    const state = onDisk((simulated) =>
      Effect.gen(function* () {
        yield* durable(simulated, "/a", "new")
        yield* durable(simulated, "/b", "old")
        yield* simulated.disk.rename("/a", "/b")
      })
    )
    assert.deepStrictEqual(left(state), ["/a=new /b=new", "/a=new /b=old", "/b=new", "/b=old"])
  })

  it("leaves a write that was not synced whole, not at all, or torn", () => {
    const state = onDisk((simulated) =>
      Effect.flatMap(durable(simulated, "/a", "old"), (file) => file.write(bytes("NEW"), 0))
    )
    const all = ["/a=NEW", "/a=NEd", "/a=Nld", "/a=oEW", "/a=olW", "/a=old"]
    assert.deepStrictEqual(leftAnywhere(state), all)
  })

  it("leaves any sectors of a write, zeros in place of a missing one, and any length", () => {
    const one = "1".repeat(sectorBytes)
    const two = "2".repeat(sectorBytes)
    const state = onDisk((simulated) =>
      Effect.flatMap(durable(simulated, "/a", ""), (file) => file.write(bytes(one + two), 0))
    )
    const hole = "\0".repeat(sectorBytes)
    const found = leftAnywhere(state).map((text) => text.slice("/a=".length))
    assert.includeMembers(found, ["", one, hole + two, one + two, hole + hole])
    assert.isAbove(found.filter((text) => text.length % sectorBytes !== 0).length, 10)
    for (const text of found) assert.match(text, /^[1\0]{0,512}$|^[1\0]{512}[2\0]{1,512}$/)
  })

  it("loses or keeps each change independently of the others", () => {
    const state = onDisk((simulated) =>
      Effect.gen(function* () {
        const file = yield* durable(simulated, "/a", "")
        yield* file.write(bytes("x"), 0)
        yield* simulated.disk.create("/b")
      })
    )
    // The byte is there, is not, or is a zero; the other file is there or not.
    const files = ["/a=", "/a=\0", "/a=x"]
    assert.deepStrictEqual(left(state), files.flatMap((a) => [a, `${a} /b=`]).toSorted())
  })

  it("leaves the extremes first, and no more states than requested", () => {
    const state = onDisk(({ disk }) =>
      Effect.forEach(["/a", "/b", "/c", "/d", "/e"], (path) => disk.create(path), { discard: true })
    )
    const some = [...powerLosses(state, { limit: 7, random: makeRandom(3).next })].map(shown)
    assert.strictEqual(some.length, 7)
    assert.deepStrictEqual(some.slice(0, 2), ["", "/a= /b= /c= /d= /e="])
  })

  it("is a new boot of the machine, and a killed process is not", () => {
    const { boot } = DiskState.empty
    assert.strictEqual(DiskState.kill(DiskState.empty).boot, boot)
    for (const state of [loseAll(DiskState.empty), ...powerLosses(DiskState.empty, everything)]) {
      assert.strictEqual(state.boot, boot + 1)
    }
  })
})

describe("a failed sync", () => {
  const failing = (operation: string): SimulatedDisk.Options => {
    let failures = 1
    return { onStep: (step) => (step.operation === operation && failures-- > 0 ? { code: "EIO" } : undefined) }
  }

  it("of a file is not repaired by a later one", () => {
    const state = onDisk(
      (simulated) =>
        Effect.gen(function* () {
          const file = yield* durable(simulated, "/a", "")
          yield* file.write(bytes("x"), 0)
          assert.strictEqual((yield* Effect.flip(file.datasync)).code, "EIO")
          yield* file.datasync
          yield* file.sync
        }),
      failing("datasync")
    )
    // By chance it may be there.
    assert.deepStrictEqual(left(state), ["/a=", "/a=\0", "/a=x"])
    assert.strictEqual(shown(loseAll(state)), "/a=")
  })

  it("of a folder is not repaired by a later one, but by a new change", () => {
    const state = onDisk(
      ({ disk }) =>
        Effect.gen(function* () {
          yield* disk.create("/a")
          assert.strictEqual((yield* Effect.flip(disk.syncFolder("/"))).code, "EIO")
          yield* disk.syncFolder("/")
        }),
      failing("syncFolder")
    )
    assert.deepStrictEqual(left(state), ["", "/a="])
    const renamed = onDisk(({ disk }) => Effect.andThen(disk.rename("/a", "/b"), disk.syncFolder("/")), { state })
    assert.deepStrictEqual(left(renamed), ["/b="])
  })

  it("loses only bytes that are not overwritten and synced afterwards", () => {
    const state = onDisk(
      (simulated) =>
        Effect.gen(function* () {
          const file = yield* durable(simulated, "/a", "12345")
          yield* file.write(bytes("abcde"), 0)
          yield* Effect.flip(file.datasync)
          yield* file.write(bytes("XYZ"), 1)
          yield* file.datasync
        }),
      failing("datasync")
    )
    for (const text of leftAnywhere(state)) assert.match(text, /^\/a=[1a]XYZ[5e]$/)
    assert.strictEqual(shown(loseAll(state)), "/a=1XYZ5")
  })
})

describe("a failing step", () => {
  const failsAt = (operation: string, done?: number): SimulatedDisk.Options => ({
    onStep: (step) =>
      step.operation === operation ? { code: "ENOSPC", ...(done === undefined ? {} : { done }) } : undefined
  })

  it("has no effect, unless the fault says that it was done", () => {
    const rename = (done?: number) =>
      onDisk(
        ({ disk }) => Effect.andThen(disk.create("/a"), Effect.flip(disk.rename("/a", "/b"))),
        failsAt("rename", done)
      )
    assert.strictEqual(shown(rename()), "/a=")
    assert.strictEqual(shown(rename(1)), "/b=")
  })

  it("may have written a part, if it is a write", () => {
    const write = (done?: number) =>
      onDisk(
        ({ disk }) => Effect.flatMap(disk.create("/a"), (file) => Effect.flip(file.write(bytes("0123456789"), 0))),
        failsAt("write", done)
      )
    assert.strictEqual(shown(write()), "/a=")
    assert.strictEqual(shown(write(0.35)), "/a=012")
  })

  it("holds no lock, if it is a lock: it may have created the file, and the next attempt gets the lock", () => {
    const lock = (done?: number) => {
      let failures = 1
      const fault: SimulatedDisk.Fault = { code: "EIO", ...(done === undefined ? {} : { done }) }
      return onDisk(
        ({ disk }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* Effect.flip(Effect.scoped(disk.lock("/lock")))).code, "EIO")
            if (done === undefined) assert.isUndefined(yield* disk.stat("/lock"))
            for (let next = 0; next < 2; next++) {
              yield* Effect.scoped(
                Effect.gen(function* () {
                  assert.isTrue(yield* (yield* disk.lock("/lock")).held)
                  assert.strictEqual((yield* Effect.flip(Effect.scoped(disk.lock("/lock")))).code, "ELOCKED")
                })
              )
            }
          }),
        { onStep: (step) => (step.operation === "lock" && failures-- > 0 ? fault : undefined) }
      )
    }
    for (const done of [undefined, 0.5, 1]) assert.strictEqual(shown(lock(done)), "/lock=")
  })
})

describe("a simulated disk", () => {
  it("repeats its answers for the same requests", async () => {
    const kinds = ["append", "together", "cut append", "flush", "events", "user", "roll", "close", "archive"] as const
    const trace = async () => {
      const random = makeRandom(11)
      const { points } = await simulate(run(kinds, random), random)
      return points.map(({ state, step }) => [
        step === undefined ? "end" : SimulatedDisk.describeStep(step),
        DiskState.fingerprint(state)
      ])
    }
    const first = await trace()
    assert.isAbove(first.length, 100)
    assert.deepStrictEqual(await trace(), first)
  })

  it("gives other fibres the turns that a step takes", () => {
    const order: Array<string> = []
    const { disk } = SimulatedDisk.make({ turns: ({ operation }) => (operation === "create" ? 3 : 0) })
    const other = Effect.forEach(["one", "two", "three"], (turn) =>
      Effect.andThen(
        Effect.sync(() => order.push(turn)),
        Effect.yieldNow
      )
    )
    const slow = Effect.andThen(
      disk.create("/a"),
      Effect.sync(() => order.push("created"))
    )
    const program = Effect.all([slow, other], { concurrency: "unbounded", discard: true })
    return Effect.runPromise(program).then(() => assert.deepStrictEqual(order, ["one", "two", "three", "created"]))
  })

  it("keeps a returned state unchanged while it continues", () => {
    const simulated = SimulatedDisk.make()
    Effect.runSync(simulated.disk.create("/a"))
    const before = simulated.state()
    const print = DiskState.fingerprint(before)
    Effect.runSync(Effect.flatMap(simulated.disk.openWrite("/a"), (file) => file.write(bytes("x"), 0)))
    assert.strictEqual(shown(before), "/a=")
    assert.strictEqual(DiskState.fingerprint(before), print)
    assert.notStrictEqual(DiskState.fingerprint(simulated.state()), print)
  })
})

describe("SimulatedDisk", () => {
  it("answers like Node's file system, errors included", () =>
    fc.assert(
      fc.asyncProperty(diskOps, async (ops) => {
        const place = newPath()
        mkdirSync(place)
        const simulated = SimulatedDisk.make().disk
        const answers = await Effect.runPromise(
          Effect.gen(function* () {
            yield* simulated.makeFolder("/place")
            return [yield* outcomes(simulated, "/place", ops), yield* outcomes(NodeDisk.make, place, ops)] as const
          })
        )
        assert.deepStrictEqual(...answers)
      }),
      { numRuns: runs }
    ))
})
