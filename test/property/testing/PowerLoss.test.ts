/** A simulated power loss leaves only states that a real one may leave. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type { Disk } from "../../../src/services/ports/Disk.ts"
import * as DiskState from "../../../src/testing/DiskState.ts"
import { loseAll, powerLosses, sectorBytes } from "../../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import { makeRandom } from "../../reliability/random.ts"
import { DurableModel } from "../../support/durableModel.ts"
import { runs } from "../../support/runs.ts"

type Op =
  | { readonly op: "create" | "unlink"; readonly name: string }
  | { readonly op: "rename"; readonly name: string; readonly to: string }
  | { readonly op: "write"; readonly name: string; readonly position: number; readonly bytes: string }
  | { readonly op: "sync"; readonly name: string; readonly fails: boolean }
  | { readonly op: "syncFolder"; readonly fails: boolean }

const name = fc.constantFrom("a", "b", "c")
const fails = fc.nat(3).map((n) => n === 0)

const ops: fc.Arbitrary<ReadonlyArray<Op>> = fc.array(
  fc.oneof(
    fc.record({ op: fc.constantFrom("create" as const, "unlink" as const), name }),
    fc.record({ op: fc.constant("rename" as const), name, to: name }),
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant("write" as const),
        name,
        position: fc.constantFrom(0, 3, 500, 600),
        bytes: fc.tuple(fc.constantFrom("x", "y", "z"), fc.constantFrom(1, 5, 30, 700)).map(([x, n]) => x.repeat(n))
      })
    },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("sync" as const), name, fails }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("syncFolder" as const), fails }) }
  ),
  { maxLength: 25, size: "max" }
)

const folder = "/d"

/** Applies an operation to the disk and to the model; impossible ones are skipped. */
const perform = Effect.fnUntraced(function* (disk: Disk["Service"], model: DurableModel, op: Op) {
  if (op.op === "syncFolder") {
    if (op.fails) model.failSyncFolder()
    else model.syncFolder()
    return yield* Effect.ignore(disk.syncFolder(folder))
  }
  const path = `${folder}/${op.name}`
  const file = model.file(op.name)
  if (op.op === "create") {
    if (file !== undefined) return
    model.create(op.name)
    return yield* Effect.asVoid(disk.create(path))
  }
  if (file === undefined) return
  switch (op.op) {
    case "unlink":
      model.unlink(op.name)
      return yield* disk.unlink(path)
    case "rename":
      if (op.to === op.name) return
      model.rename(op.name, op.to)
      return yield* disk.rename(path, `${folder}/${op.to}`)
    case "write": {
      const bytes = Buffer.from(op.bytes)
      file.write(op.position, bytes)
      return yield* Effect.flatMap(disk.openWrite(path), (opened) => opened.write(bytes, op.position))
    }
    case "sync":
      if (op.fails) file.failSync()
      else file.sync()
      return yield* Effect.flatMap(disk.openWrite(path), (opened) => Effect.ignore(opened.datasync))
  }
})

const filesOf = (state: DiskState.DiskState): ReadonlyMap<string, Uint8Array> =>
  new Map(
    [...DiskState.contents(state)].flatMap(([path, bytes]) =>
      bytes === undefined ? [] : [[path.slice(folder.length + 1), bytes]]
    )
  )

/** Returns the disk and its model after the operations, in a durable folder. */
const after = (all: ReadonlyArray<Op>) => {
  let failing = false
  const simulated = SimulatedDisk.make({
    onStep: ({ operation }) =>
      failing && (operation === "datasync" || operation === "syncFolder") ? { code: "EIO" } : undefined
  })
  const model = new DurableModel()
  const program = Effect.gen(function* () {
    yield* simulated.disk.makeFolder(folder)
    yield* simulated.disk.syncFolder("/")
    for (const name of ["a", "b"]) yield* perform(simulated.disk, model, { op: "create", name })
    for (const op of all) {
      failing = "fails" in op && op.fails
      yield* perform(simulated.disk, model, op)
    }
  })
  Effect.runSync(program)
  return { state: simulated.state(), model }
}

/** Returns the values of a generator, and its result. */
const collect = (losses: Generator<DiskState.DiskState, boolean, undefined>) => {
  const left: Array<DiskState.DiskState> = []
  let one = losses.next()
  for (; one.done !== true; one = losses.next()) left.push(one.value)
  return { left, isAll: one.value }
}

/** Overwrites that many sectors of a durable file without a sync, and creates that many new names. */
const dirty = (sectors: number, names: number, seed: number) => {
  const { below, next: random } = makeRandom(seed)
  const simulated = SimulatedDisk.make()
  const { disk } = simulated
  const bytes = (text: string) => Buffer.from(text.repeat(sectorBytes * sectors))
  // Whole sectors, in one write or in two; a tear within the last one is among the others.
  const cut = sectorBytes * below(sectors)
  const program = Effect.gen(function* () {
    yield* disk.makeFolder(folder)
    yield* disk.syncFolder("/")
    const file = yield* disk.create(`${folder}/a`)
    yield* file.write(bytes("x"), 0)
    yield* file.sync
    yield* disk.syncFolder(folder)
    if (cut > 0) yield* file.write(bytes("y").subarray(0, cut), 0)
    yield* file.write(bytes("y").subarray(cut), cut)
    for (let n = 0; n < names; n++) yield* disk.create(`${folder}/n${n}`)
  })
  Effect.runSync(program)
  return { state: simulated.state(), random }
}

/** Describes a file by its name and the first byte of each of its sectors. */
const mixtureOf = ([path, bytes]: readonly [string, Uint8Array]): string =>
  `${path}=${Array.from({ length: bytes.length / sectorBytes }, (_, n) => String.fromCharCode(bytes[n * sectorBytes]!)).join("")}`

describe("powerLosses", () => {
  it("leaves synced data, any part of the unsynced data, and nothing else", () => {
    fc.assert(
      fc.property(ops, fc.nat(), (all, seed) => {
        const { model, state } = after(all)
        assert.deepStrictEqual(new Map([...filesOf(state)].toSorted()), new Map([...model.shown].toSorted()))
        for (const left of powerLosses(state, { limit: 40, random: makeRandom(seed).next })) {
          assert.isUndefined(model.refuse(filesOf(left)))
        }
      }),
      { numRuns: runs }
    )
  })

  it("can lose all unsynced data, and all data of a failed sync even after a later successful one", () => {
    fc.assert(
      fc.property(ops, (all) => {
        const { model, state } = after(all)
        assert.isUndefined(model.refuseLeast(filesOf(loseAll(state))))
      }),
      { numRuns: runs }
    )
  })

  it("leaves a disk on which everything that exists is durable", () => {
    fc.assert(
      fc.property(ops, fc.nat(), (all, seed) => {
        for (const left of powerLosses(after(all).state, { limit: 10, random: makeRandom(seed).next })) {
          const again = [...powerLosses(left, { limit: 10, random: makeRandom(seed).next })]
          assert.deepStrictEqual(again.map(filesOf), [filesOf(left)])
        }
      }),
      { numRuns: runs }
    )
  })

  it("leaves every mixture of up to six sectors if all are requested, and returns whether it was all", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(3), fc.nat(), (sectors, extra, seed) => {
        const { random, state } = dirty(sectors, extra, seed)
        const names = 2 ** extra
        const all = collect(powerLosses(state, { limit: 2, whole: Number.POSITIVE_INFINITY, random }))
        assert.strictEqual(all.isAll, sectors <= 6)
        if (!all.isAll) return
        const mixtures = new Set(all.left.map((one) => [...filesOf(one)].map(mixtureOf).toSorted().join(" ")))
        for (let kept = 0; kept < 2 ** sectors; kept++) {
          const a = Array.from({ length: sectors }, (_, n) => ((kept & (1 << n)) === 0 ? "x" : "y")).join("")
          for (let there = 0; there < names; there++) {
            const others = Array.from({ length: extra }, (_, n) => n).filter((n) => (there & (1 << n)) !== 0)
            assert.include(mixtures, [`a=${a}`, ...others.map((n) => `n${n}=`)].join(" "))
          }
        }
        const count = all.left.length
        const most = collect(powerLosses(state, { limit: 2, whole: count, random }))
        assert.deepStrictEqual([most.left.length, most.isAll], [count, true])
        const some = collect(powerLosses(state, { limit: 2, whole: count - 1, random }))
        assert.deepStrictEqual([some.left.length, some.isAll], [2, false])
      }),
      { numRuns: runs }
    )
  })
})
