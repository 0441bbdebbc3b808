/** A writer is stopped while it opens or recovers a lib, and another one is at work meanwhile. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Lib from "litetapes/Lib"
import type { Disk } from "litetapes/Disk"
import { Storage } from "litetapes/Storage"
import * as fs from "node:fs"
import * as Contested from "../../support/contestedDisk.ts"
import { existingTape, openSession, type Session } from "../../support/openLib.ts"
import { findings, missing, readTapes } from "../../support/receipts.ts"
import { inNew, keeping, operations, type Outcome, prepare, settings, storageOver, work } from "./heldUp.ts"

/**
 * What happens while a writer is held up as it opens a lib: another one opens it; both recover a lib that has lost its
 * meta; the writer before, which is still there, appends and flushes.
 */
export type Meanwhile = "another opens" | "another recovers" | "the one before appends"

/** Stops a writer while it opens a lib, at its `step`-th call, in a new lib at `location`. */
export const stopOpening = (
  location: string,
  meanwhile: Meanwhile,
  held: Contested.Held,
  step: number,
  closes: boolean
): Promise<Outcome> => inNew(location, opening(location, meanwhile, held, step, closes))

const opening = Effect.fnUntraced(function* (
  location: string,
  meanwhile: Meanwhile,
  held: Contested.Held,
  step: number,
  closes: boolean
) {
  const disks = Contested.make()
  const [first, second] = [yield* storageOver(disks.first), yield* storageOver(disks.second)]
  const { keeper, kept } = keeping()
  const wrong: Array<string> = []
  const isRecovery = meanwhile === "another recovers"
  const before = yield* openSession(second, location, settings)
  yield* prepare(before.lib, keeper("the one before"))
  if (isRecovery) fs.unlinkSync(`${location}/litelib.meta.jsonl`)
  const recovered = (storage: typeof first) =>
    isRecovery ? Effect.ignore(Effect.provideService(Lib.recover(location), Storage, storage)) : Effect.void

  let successor: Session | undefined
  const another = Effect.gen(function* () {
    yield* recovered(second)
    successor = yield* openSession(second, location, settings)
    wrong.push(...missing(yield* readTapes(successor.lib), kept).map((text) => `directly after the takeover: ${text}`))
    yield* work(successor.lib, keeper("the second"))
    if (closes) yield* successor.close
  })
  // It may be refused at any of these steps.
  const goesOn = Effect.ignore(
    Effect.gen(function* () {
      yield* keeper("the one before")(before.lib, "alpha", "late")
      yield* (yield* existingTape(before.lib, "alpha")).appendSegment
      yield* keeper("the one before")(before.lib, "beta", "later")
    })
  )
  disks.holdUp(held, step, Effect.orDie(meanwhile === "the one before appends" ? goesOn : another))
  yield* recovered(first)
  const opened = yield* Effect.exit(openSession(first, location, settings))
  const at = disks.letGo()
  if (Exit.isSuccess(opened)) {
    // Either may have taken over from the other.
    yield* Effect.exit(keeper("the first")(opened.value.lib, "alpha", "late"))
    yield* opened.value.close
  } else if (!isRecovery && tagOf(opened) !== "LibLocked") {
    wrong.push(`the first writer was refused with ${String(opened.cause)}`)
  }
  if (successor !== undefined && !closes) yield* successor.close
  yield* before.close

  const last = yield* openSession(second, location, settings)
  wrong.push(...missing(yield* readTapes(last.lib), kept), ...(yield* findings(last.lib)))
  yield* keeper("the third")(last.lib, "alpha", "third")
  yield* last.close
  return { at, wrong }
})

const tagOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit)
    ? exit.cause.reasons.flatMap((one) => (one._tag === "Fail" ? [(one.error as { _tag?: unknown })._tag] : []))[0]
    : undefined

/**
 * The other way around: a writer rolls to its next dynamic segment and is stopped at its `step`-th call. Another one
 * opens the lib as far as its own dynamic segment is in place. Then the first one continues: a record that it was about
 * to append lands in lib meta. Then the other one continues.
 */
export const stopRolling = (location: string, held: Contested.Held, step: number): Promise<Outcome> =>
  inNew(location, rolling(location, held, step))

const rolling = Effect.fnUntraced(function* (location: string, held: Contested.Held, step: number) {
  const disks = Contested.make()
  const placed = yield* Deferred.make<void>()
  const released = yield* Deferred.make<void>()
  const paused: Disk["Service"] = {
    ...disks.second,
    rename: (from, to) =>
      Effect.tap(disks.second.rename(from, to), () =>
        to.includes("/litelib.dynamic-")
          ? Effect.andThen(Deferred.succeed(placed, undefined), Deferred.await(released))
          : Effect.void
      )
  }
  const [first, second] = [yield* storageOver(disks.first), yield* storageOver(paused)]
  const { keeper, kept } = keeping()
  const roll = operations.find(({ name }) => name === "roll")!
  const stopped = yield* openSession(first, location, { ...settings, ...roll.options })
  yield* prepare(stopped.lib, keeper("the first"))

  const taken = yield* Deferred.make<Session, unknown>()
  const takeOver = Effect.gen(function* () {
    const opening = Effect.ensuring(openSession(second, location, settings), Deferred.succeed(placed, undefined))
    yield* Effect.forkDetach(Deferred.complete(taken, opening))
    yield* Deferred.await(placed)
  })
  disks.holdUp(held, step, takeOver)
  yield* Effect.exit(roll.run(stopped.lib, keeper("the first, stopped")))
  const at = disks.letGo()
  yield* Deferred.succeed(released, undefined)
  const wrong: Array<string> = []
  if (at !== undefined) {
    const successor = yield* Deferred.await(taken)
    wrong.push(...missing(yield* readTapes(successor.lib), kept).map((text) => `directly after the takeover: ${text}`))
    yield* work(successor.lib, keeper("the second"))
    yield* successor.close
  }
  yield* stopped.close
  const last = yield* openSession(second, location, settings)
  wrong.push(...missing(yield* readTapes(last.lib), kept), ...(yield* findings(last.lib)))
  yield* last.close
  return { at, wrong }
})
