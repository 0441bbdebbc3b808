/**
 * A soak: lib after lib on a real disk, with random acts, restarts and disk errors; an hour in the long mode. Memory
 * and the number of open files must not grow.
 */
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Campaign, Options, Result } from "../campaign.ts"
import { quiet } from "../crashes/session.ts"
import { makeRandom, seedOf } from "../random.ts"
import { type Lived, live, nothingYet } from "./life.ts"
import { missing } from "./outcome.ts"

/** Seconds. */
const duration = { ordinary: 20, long: 3600 }

/** A slow machine takes longer: with fewer acts, a kind of act that always fails would look like chance. */
const livesMin = 4

const actsOfALife = 150

/** Bytes by which the heap may differ between the first and the last lives: noise of the garbage collector. */
const heapNoise = 8 * 1024 * 1024

const collector = (): (() => void) => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
}

const openFiles = (): number | undefined => {
  try {
    return readdirSync("/proc/self/fd").length
  } catch {
    return undefined
  }
}

const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >>> 1]!

const run = async ({ log, seed, size }: Options): Promise<Result> => {
  Error.stackTraceLimit = 0
  const folder = mkdtempSync(join(tmpdir(), "litetapes-soak-"))
  const collect = collector()
  const total = nothingYet()
  const heaps: Array<number> = []
  const files: Array<number> = []
  const failures: Array<string> = []
  const started = performance.now()
  let toldAt = started
  try {
    const isDue = (n: number) => n < livesMin || performance.now() - started < duration[size] * 1000
    for (let n = 0; isDue(n) && failures.length === 0; n++) {
      const place = join(folder, `lib-${n}`)
      try {
        const lived = await Effect.runPromise(quiet(live(place, actsOfALife, makeRandom(seedOf(seed, n)))))
        addLived(total, lived)
        rmSync(place, { recursive: true })
      } catch (cause) {
        failures.push(`life ${n} of seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`)
      }
      collect()
      heaps.push(process.memoryUsage().heapUsed)
      const open = openFiles()
      if (open !== undefined) files.push(open)
      if (performance.now() - toldAt > 60_000) {
        toldAt = performance.now()
        log(`${n + 1} lives, ${total.acts} acts, heap ${Math.round(heaps.at(-1)! / 1024 / 1024)} MiB`)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return judge({ total, heaps, files, failures })
}

const addLived = (total: Lived, lived: Lived): void => {
  for (const key of ["acts", "restarts", "faults", "looks", "refusals", "reopened"] as const) total[key] += lived[key]
  addAll(total.done, lived.done)
  addAll(total.failed, lived.failed)
}

const addAll = <A>(total: Map<A, number>, counts: ReadonlyMap<A, number>): void => {
  for (const [what, count] of counts) total.set(what, (total.get(what) ?? 0) + count)
}

const told = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, count]) => `${what} ${count}`)
    .join(", ")

interface Seen {
  readonly total: Lived
  readonly heaps: ReadonlyArray<number>
  /** Empty if the system does not report it. */
  readonly files: ReadonlyArray<number>
  readonly failures: Array<string>
}

const judge = ({ failures, files, heaps, total }: Seen): Result => {
  // During the first lives caches fill and code is compiled.
  const third = Math.floor(heaps.length / 3)
  const early = median(heaps.slice(third, 2 * third + 1))
  const late = median(heaps.slice(2 * third))
  if (failures.length === 0) {
    if (late > early + heapNoise) failures.push(`the heap grew from ${early} to ${late} bytes`)
    const first = files[Math.min(third, files.length - 1)]
    const last = files.at(-1)
    if (first === undefined || last === undefined) {
      if (process.platform === "linux") failures.push("open files were not counted: /proc/self/fd cannot be read")
    } else if (last > first) failures.push(`open files grew from ${first} to ${last}`)
    failures.push(...missing(total.done, total.acts))
  }
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)
  const { acts, done, failed, faults, looks, refusals, reopened, restarts } = total
  return {
    counts: { points: faults, images: restarts + looks, violations: failures.length },
    failures,
    figures: [
      `${heaps.length} libs, ${acts} acts, ${faults} disk errors, ${restarts} restarts, ${reopened} times opened again under the same service, ${looks} readers`,
      `acts that succeeded: ${told(done)}`,
      `acts that failed after a disk error: ${told(failed)}; ${refusals} later appends were refused`,
      `heap ${mib(early)} MiB in the middle, ${mib(late)} MiB at the end; ` +
        (files.length === 0 ? "open files not counted" : `${files[0]} and ${files.at(-1)} open files`)
    ]
  }
}

export const campaign: Campaign = {
  name: "soak",
  shows: "Many libs on a real disk lose nothing, and neither memory nor the number of open files grows.",
  waits: true,
  run
}
