/**
 * A history in which the disk fails once, or for good: the outcome then, and after the lib is opened again.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dirname } from "node:path"
import { describeStep, type Step } from "../../../src/testing/SimulatedDisk.ts"
import { loseAll, powerLosses } from "../../../src/testing/PowerLoss.ts"
import type { Kind } from "../crashes/acts.ts"
import { check } from "../crashes/check.ts"
import { ViolationFound, withWatchdog } from "../crashes/explore.ts"
import { match, perform, Run } from "../crashes/run.ts"
import { isPrivate, place, readWorld, simulate, Wrong } from "../crashes/session.ts"
import { append, type Expectation } from "../crashes/world.ts"
import { makeRandom } from "../random.ts"
import { type FaultPlan, inject, type Injection } from "./faults.ts"

export interface Outcome {
  readonly step: Step | undefined
  /** How the act that got the error ended. */
  readonly act: string
  /** How the append after it ended; empty if the lib was no longer open. */
  readonly next: string
  readonly images: number
}

/** Returns the tag of a typed error, or `done`. Anything else is a violation. */
const tagOf = <A>(exit: Exit.Exit<A, unknown>): string => {
  if (Exit.isSuccess(exit)) return "done"
  for (const reason of exit.cause.reasons) {
    if (reason._tag === "Die") throw reason.defect
    if (reason._tag === "Interrupt") throw new Wrong("it was interrupted, although nobody interrupted it")
    const error = reason.error as { readonly _tag?: unknown; readonly message?: unknown } | null
    if (typeof error?._tag !== "string") throw new Wrong(`an untyped error: ${String(reason.error)}`)
    return error._tag
  }
  throw new Wrong(`a cause without a reason: ${Cause.pretty(exit.cause)}`)
}

/** How an append after the error may end; any other outcome would not tell its caller what to do. */
const honest: ReadonlySet<string> = new Set([
  "done",
  "WriterPoisoned",
  "CommitOutcomeUnknown",
  "StorageError",
  "TapeInvalid"
])

/** Appends and reads in the lib as the error left it. */
const goOn = Effect.fnUntraced(function* (run: Run, injection: Injection) {
  const { session } = run
  let { allowed } = run.recorder.expectation
  if (session === undefined) return { expectation: run.recorder.expectation, next: "" }
  const exit = yield* Effect.exit(session.lib.commit([{ tape: "a", records: [{ t: "next" }] }]))
  const next = tagOf(exit)
  const after = allowed
    .filter((world) => world.get("a")?.archived !== true)
    .map((world) => append(world, "a", ["next"]))
  if (next === "done") allowed = after
  else if (next === "CommitOutcomeUnknown") allowed = [...allowed, ...after]
  else if (next !== "TapeArchived" && next !== "TapeNotFound" && !honest.has(next)) {
    throw new Wrong(`an append after the error failed with ${next}`)
  }
  // Reads must work, whether or not the writer is poisoned.
  injection.heal()
  const expectation: Expectation = { ...run.recorder.expectation, allowed }
  const { lost } = expectation
  if (lost.size === 0) {
    // I2: an unclean writer rewrites the meta of a tape when it loads it. A poisoned one cannot, so it refuses the
    // tape.
    const world = yield* Effect.exit(readWorld(session, lost, true))
    if (tagOf(world) !== "done") throw new Wrong(`reads after the error failed with ${tagOf(world)}`)
    if (Exit.isSuccess(world)) {
      const { value } = world
      const seen = expectation.allowed.map((one) => new Map([...one].filter(([name]) => value.has(name))))
      match(value, { ...expectation, allowed: seen })
    }
  }
  return { expectation, next }
})

/** Runs a history with a fault, then checks the disk as a kill and as power losses leave it. */
export const tryFault = async (kinds: ReadonlyArray<Kind>, seed: number, plan: FaultPlan): Promise<Outcome> => {
  const random = makeRandom(seed)
  const injection = inject(plan)
  const run = new Run(random, injection.faults)
  const fail = (cause: unknown): never => {
    const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    const step = injection.hit()
    const steps = run.recorder.points.flatMap((point) => (point.step === undefined ? [] : [describeStep(point.step)]))
    const how = `${plan.fault.code}${plan.isForGood ? " for good" : ""}, done ${plan.fault.done ?? 0}`
    const trace = [...steps.slice(-40), `failed: ${step === undefined ? "nothing" : describeStep(step)} with ${how}`]
    throw new ViolationFound({ why, trace })
  }
  try {
    const exit = await withWatchdog(simulate(Effect.exit(perform(run, kinds, random)), random))
    const act = tagOf(exit)
    if (plan.isForGood && isAbove(injection.hit())) await withWatchdog(simulate(removePlace(run, injection), random))
    const { expectation, next } = await withWatchdog(simulate(goOn(run, injection), random))
    const left = run.disk.state()
    const images = [left, loseAll(left), ...powerLosses(left, { limit: 3, random: random.next, isWhole: isPrivate })]
    for (const image of images)
      await withWatchdog(simulate(check(image, expectation, "power", { isBackedUp: true }), random))
    return { step: injection.hit(), act, next, images: images.length }
  } catch (cause) {
    return fail(cause)
  }
}

/** Returns whether the failed step was the sync that makes the new folder of the lib, or of a copy, durable. */
const isAbove = (step: Step | undefined): boolean => step?.operation === "syncFolder" && step.path === dirname(place)

/**
 * Known, and not mended (docs/RELIABILITY.md): if a disk fails to sync the name of that folder and also to remove it,
 * the folder stays and no later sync makes it durable. The person who mends the disk must remove it.
 */
const removePlace = (run: Run, injection: Injection) =>
  Effect.suspend(() => {
    injection.heal()
    // The step does not say which of these it was; those that hold something stay.
    const { backups = [], restored = [] } = run.recorder.expectation
    const places = [place, ...[...backups, ...restored].map((copy) => copy.place)]
    return Effect.forEach(places, (one) => Effect.ignore(run.disk.disk.removeFolder(one)), { discard: true })
  })

/** Returns the steps of a history in which nothing fails. */
export const stepsOf = async (kinds: ReadonlyArray<Kind>, seed: number): Promise<ReadonlyArray<Step>> => {
  const random = makeRandom(seed)
  const steps: Array<Step> = []
  const run = new Run(random, (step) => {
    steps.push(step)
    return undefined
  })
  await withWatchdog(simulate(perform(run, kinds, random), random))
  return steps
}
