/**
 * One step of an operation of the writer fails, and so does each other step in turn. Pending appends then have an
 * unknown outcome, the writer stops, reads continue, and the next writer continues with a single chain.
 *
 * A writer that was paused and lost its lock stops too, whatever call it was paused at. It overwrites nothing of the
 * writer that came after it, and acknowledges no commit that this writer has not seen.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as FolderStorage from "litetapes/FolderStorage"
import { Disk } from "litetapes/Disk"
import { assert, describe, it } from "vitest"
import * as SimulatedDisk from "../../src/testing/SimulatedDisk.ts"
import { operations, stopAndTakeOver } from "../reliability/locks/heldUp.ts"
import { existingTape, type LibService, openSession, recordsOf, settle, tagOf, tapeOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

interface Doing {
  readonly name: string
  readonly run: (lib: LibService) => Effect.Effect<unknown, { readonly _tag: string }>
  /** Whether the operation is an append, so that its failure leaves the outcome unknown. */
  readonly isAppend?: boolean
  /** Steps whose failure stops no writer: nothing relies on the files that they write. */
  readonly harmless?: RegExp
}

const run = <A, E>(program: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(program, Logger.layer([])))

const acknowledged = [{ n: 0 }, { n: 1 }]
const big = { text: "x".repeat(900) }

const onTape =
  <A, E>(use: (tape: Effect.Success<ReturnType<typeof existingTape>>) => Effect.Effect<A, E>) =>
  (lib: LibService) =>
    Effect.flatMap(existingTape(lib, "a"), use)

const index = /\/index/

const doings: ReadonlyArray<Doing> = [
  { name: "append", isAppend: true, run: (lib) => lib.commit([{ tape: "a", records: [{ n: 2 }] }]) },
  { name: "flush", run: onTape((tape) => tape.appendSegment), harmless: index },
  {
    name: "change to the next dynamic segment, and close the one before",
    run: (lib) =>
      Effect.andThen(
        Effect.forEach([1, 2], () => lib.commit([{ tape: "b", records: [big] }]), { discard: true }),
        settle
      ),
    harmless: index
  },
  { name: "set user metadata", run: onTape((tape) => tape.setUserMeta("key", 1)) },
  { name: "archive", run: (lib) => lib.archive("b") },
  { name: "create a tape", run: (lib) => lib.createTape("new") },
  // Until it changes meta, a repack only writes files that no meta lists.
  {
    name: "repack",
    run: onTape((tape) => Effect.andThen(tape.appendSegment, tape.repack({ targetBytes: 1, force: true }))),
    harmless: new RegExp(`${index.source}|seg-00000[2-9]`)
  }
]

/** Prepares a lib on a disk of its own; `fault` is asked before each step. */
const prepare = Effect.fnUntraced(function* (fault: (step: SimulatedDisk.Step) => SimulatedDisk.Fault | undefined) {
  const simulated = SimulatedDisk.make({ onStep: fault })
  const storage = yield* Effect.provideService(FolderStorage.make, Disk, simulated.disk)
  const { close, lib } = yield* openSession(storage, "/lib", { closeBytes: 1000 })
  yield* tapeOf(lib, "b")
  const tape = yield* tapeOf(lib, "a")
  for (const record of acknowledged) yield* tape.append([record])
  return { close, lib, simulated }
})

/** Returns the changing steps of an operation that succeeds. */
const stepsOf = Effect.fnUntraced(function* ({ run }: Doing) {
  let isArmed = false
  const steps: Array<SimulatedDisk.Step> = []
  const { close, lib } = yield* prepare((step) => {
    if (isArmed && SimulatedDisk.isChange(step)) steps.push(step)
    return undefined
  })
  isArmed = true
  yield* run(lib)
  isArmed = false
  yield* close
  return steps
})

const inOwn = (path: string): boolean => path.includes("/litelib.writer-")
const nameOf = (path: string): string => path.split("/").at(-1)!

/** Returns, by the names of files in the writer's own folder, the places that they were written for or taken from. */
const placesOf = (steps: ReadonlyArray<SimulatedDisk.Step>): ReadonlyMap<string, string> =>
  new Map(
    steps.flatMap(({ path, to = "" }) => {
      if (inOwn(to)) return [[nameOf(to), path]]
      return inOwn(path) && to !== "" ? [[nameOf(path), to]] : []
    })
  )

/** Reopens what is left: every acknowledged record is there, and appends continue after them. */
const checkReopened = Effect.fnUntraced(function* (left: SimulatedDisk.SimulatedDisk, where: string) {
  for (const round of [0, 1]) {
    const again = SimulatedDisk.make({ state: left.state() })
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, again.disk)
    const { close, lib } = yield* openSession(storage, "/lib")
    const records = yield* recordsOf(lib, "a")
    assert.deepStrictEqual(records.slice(0, 2), acknowledged, where)
    assert.isAtMost(records.length, 3 + round, where)
    assert.isTrue((yield* lib.verify()).ok, where)
    const tape = yield* existingTape(lib, "a")
    assert.strictEqual((yield* tape.append([{ n: 9 }])).firstOrdinal, records.length, where)
    yield* close
    left = again
  }
})

const failAt = Effect.fnUntraced(function* (
  doing: Doing,
  places: ReadonlyMap<string, string>,
  nth: number,
  code: string
) {
  let seen = 0
  let isArmed = false
  let failed: SimulatedDisk.Step | undefined
  const { close, lib, simulated } = yield* prepare((step) => {
    if (!isArmed || !SimulatedDisk.isChange(step) || (seen += 1) !== nth) return undefined
    failed = step
    return { code }
  })
  isArmed = true
  const exit = yield* Effect.exit(doing.run(lib))
  isArmed = false
  assert.isDefined(failed)
  const where = `${SimulatedDisk.describeStep(failed!).trim()} (${places.get(nameOf(failed!.path)) ?? ""})`
  if (doing.isAppend === true) {
    assert.isTrue(Exit.isFailure(exit), where)
    assert.strictEqual(yield* tagOf(Effect.flatMap(exit, Effect.succeed)), "CommitOutcomeUnknown", where)
  }
  const next = yield* Effect.exit(lib.commit([{ tape: "a", records: [{ n: 3 }] }]))
  const isRemoval = failed!.operation === "unlink" || inOwn(failed!.to ?? "")
  const goesOn = isRemoval || doing.harmless?.test(where) === true
  if (!goesOn) assert.isTrue(Exit.isFailure(next), where)
  if (Exit.isFailure(next)) {
    assert.strictEqual(yield* tagOf(Effect.flatMap(next, Effect.succeed)), "WriterPoisoned", where)
    assert.strictEqual(yield* tagOf(lib.createTape("other")), "WriterPoisoned", where)
  }
  const known = Exit.isSuccess(next) ? [...acknowledged, { n: 3 }] : acknowledged
  assert.deepStrictEqual(yield* recordsOf(lib, "a"), known, where)
  yield* close
  if (Exit.isFailure(next)) yield* checkReopened(simulated, where)
  return Exit.isSuccess(next)
})

describe("a failing disk", () => {
  for (const doing of doings) {
    it(`loses nothing acknowledged at any step of: ${doing.name}`, async () => {
      const steps = await run(stepsOf(doing))
      assert.isAtLeast(steps.length, 2)
      const places = placesOf(steps)
      let poisoned = 0
      for (const [position] of steps.entries()) {
        for (const code of ["EIO", "ENOSPC"]) {
          if (!(await run(failAt(doing, places, position + 1, code)))) poisoned += 1
        }
      }
      assert.isAtLeast(poisoned, 2)
    })
  }
})

const newPlace = temporaryFolder()

describe("a paused writer that was overtaken meanwhile", () => {
  for (const operation of operations.filter(({ name }) => ["append", "roll", "flush", "archive"].includes(name))) {
    it(`harms nobody, whatever call it was paused at during: ${operation.name}`, async () => {
      for (let step = 1; ; step++) {
        const { at, wrong } = await stopAndTakeOver(newPlace(), operation, "within", step, step % 2 === 0)
        assert.deepStrictEqual(wrong, [], `call ${step}: ${at}`)
        if (at === undefined) {
          assert.isAbove(step, 2)
          return
        }
      }
    })
  }
})
