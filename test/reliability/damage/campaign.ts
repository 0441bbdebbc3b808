/**
 * Damage: small libs in every state, with every bit of their files flipped, every end cut off, sectors zeroed, files
 * and lines dropped, swapped and repeated. Reads must return the records that were there, or an error that names the
 * file and the byte.
 *
 * `LITETAPES_DAMAGE="closed: drop alpha/tape.meta.jsonl"` tries only that damage, in all ways, and logs the outcome.
 */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type { Campaign, Options, Result } from "../campaign.ts"
import { touchedBy } from "./damages.ts"
import { afterwards } from "./goOn.ts"
import { judge, type Verdict } from "./judge.ts"
import { look } from "./look.ts"
import { storageOver } from "./place.ts"
import { realDamages, triesOf, type Try } from "./plan.ts"
import { tryReal } from "./real.ts"
import { plans } from "./sizes.ts"
import { Standing } from "./standing.ts"
import { makeTargets, type Target } from "./states.ts"
import { Tally } from "./tally.ts"

const run = async (options: Options): Promise<Result> => {
  // Errors are made by the hundred thousand here, and no stack trace is read.
  Error.stackTraceLimit = 0
  const tally = new Tally()
  const targets = await makeTargets(options.seed, options.size)
  for (const target of targets) {
    options.log(`${target.name}: ${tally.flips} damages so far`)
    const swept = Effect.andThen(sweep(target, options, tally), sweepReal(target, options, tally))
    await Effect.runPromise(Effect.provideService(swept, References.MinimumLogLevel, "None"))
  }
  const { failures, figures, flips, silent, violations } = tally
  return { counts: { flips, silent, violations: silent + violations }, failures, figures }
}

const sweep = Effect.fnUntraced(function* (target: Target, { log, part, parts, seed, size }: Options, tally: Tally) {
  const alone = process.env["LITETAPES_DAMAGE"]
  const standing = yield* Effect.orDie(Standing.open(target))
  let number = 0
  for (const planned of triesOf(target, seed, plans[size])) {
    if (number++ % parts !== part) continue
    const isAlone = alone === `${target.name}: ${planned.damage.text}`
    if (alone !== undefined && !isAlone) continue
    const verdicts = yield* attempt(target, isAlone ? { ...planned, way: "all" } : planned, standing)
    if (verdicts.length > 0) tally.add(target.name, planned.damage, verdicts)
    if (isAlone) for (const { faults, outcome } of verdicts) log([outcome, ...faults].join("\n  "))
    if (isAlone) break
  }
  yield* standing.close
})

/** Tries one damage. Returns no verdicts if it changes nothing. */
const attempt = Effect.fnUntraced(function* (
  target: Target,
  { damage, isBrief, way }: Try,
  standing: Standing
): Effect.fn.Return<ReadonlyArray<Verdict>> {
  const image = damage.apply(target.image)
  const touched = touchedBy(target.image, image)
  if (touched.size === 0) return []
  if (way === "standing") return [yield* standing.try(damage.path, image.get(damage.path)!, touched)]
  const verdicts: Array<Verdict> = []
  const isAll = way === "all"
  const isQuick = !isAll && (damage.kind === "flip" || damage.kind === "cut")
  if (isAll) {
    const storage = yield* storageOver(image).storage
    const seen = yield* look(storage, target.truth, { mode: "read", reads: "all", verify: true, goOn: false })
    verdicts.push(judge(target, touched, seen))
  }
  const disk = storageOver(image)
  const storage = yield* disk.storage
  const seen = yield* look(storage, target.truth, {
    mode: way === "reader" ? "read" : "write",
    reads: isBrief === true && isQuick ? "nothing" : isQuick ? "records" : "all",
    verify: isAll,
    goOn: isAll,
    // The files after a close are checked only if all ways are tried.
    ...(isQuick ? { atEnd: disk.freeze } : {})
  })
  if (seen.gone !== undefined) {
    const truth = afterwards(target.truth, seen.batch, target.truth.batch - seen.batch, seen.gone)
    const again = yield* look(storage, truth, { mode: "read", reads: "records", verify: false, goOn: false })
    const verdict = judge({ ...target, truth }, touched, again)
    verdicts.push({ ...verdict, faults: verdict.faults.map((fault) => `afterwards, ${fault}`) })
  }
  verdicts.push(judge(target, touched, seen))
  return verdicts
})

/** Repeats a few damages on real files, to show that the disk in memory hides nothing. */
const sweepReal = Effect.fnUntraced(function* (target: Target, { part, parts, seed, size }: Options, tally: Tally) {
  if (process.env["LITETAPES_DAMAGE"] !== undefined) return
  for (const [number, damage] of realDamages(target, seed, plans[size].real).entries()) {
    if (number % parts !== part) continue
    const verdicts = yield* tryReal(target, damage)
    if (verdicts.length > 0) tally.add(target.name, damage, verdicts, "all states, on a real disk")
  }
})

export const campaign: Campaign = {
  name: "damage",
  shows:
    "Damaged files never return other records: an error names the file and the byte, and undamaged files still read.",
  partsMax: 64,
  run
}
