/**
 * A soak: lib after lib on a real disk, with random acts, restarts and errors of the disk, for an hour in the long mode.
 * Memory and open files must not grow.
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
import { live } from "./life.ts"

/** Seconds. */
const duration = { ordinary: 20, long: 3600 }

const actsOfALife = 150

/** Bytes by which the heap may differ between the first and the last lives: noise of the collector. */
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
  const total = { acts: 0, restarts: 0, faults: 0, looks: 0 }
  const heaps: Array<number> = []
  const files: Array<number> = []
  const failures: Array<string> = []
  const started = performance.now()
  let told = started
  try {
    for (let n = 0; performance.now() - started < duration[size] * 1000 && failures.length === 0; n++) {
      const place = join(folder, `lib-${n}`)
      try {
        const lived = await Effect.runPromise(quiet(live(place, actsOfALife, makeRandom(seedOf(seed, n)))))
        for (const key of Object.keys(total) as Array<keyof typeof total>) total[key] += lived[key]
        rmSync(place, { recursive: true })
      } catch (cause) {
        failures.push(`life ${n} of seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`)
      }
      collect()
      heaps.push(process.memoryUsage().heapUsed)
      files.push(openFiles() ?? 0)
      if (performance.now() - told > 60_000) {
        told = performance.now()
        log(`${n + 1} lives, ${total.acts} acts, heap ${Math.round(heaps.at(-1)! / 1024 / 1024)} MiB`)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return judge({ total, heaps, files, failures })
}

interface Seen {
  readonly total: { readonly acts: number; readonly restarts: number; readonly faults: number; readonly looks: number }
  readonly heaps: ReadonlyArray<number>
  readonly files: ReadonlyArray<number>
  readonly failures: Array<string>
}

const judge = ({ failures, files, heaps, total }: Seen): Result => {
  // The first lives fill caches and let the code be compiled.
  const third = Math.floor(heaps.length / 3)
  const early = median(heaps.slice(third, 2 * third + 1))
  const late = median(heaps.slice(2 * third))
  if (failures.length === 0) {
    if (late > early + heapNoise) failures.push(`the heap grew from ${early} to ${late} bytes`)
    const first = files[Math.min(third, files.length - 1)]!
    if (files.at(-1)! > first) failures.push(`open files grew from ${first} to ${files.at(-1)}`)
  }
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)
  const { acts, faults, looks, restarts } = total
  return {
    counts: { points: faults, images: restarts + looks, violations: failures.length },
    failures,
    figures: [
      `${heaps.length} libs, ${acts} acts, ${faults} errors of the disk, ${restarts} restarts, ${looks} looks of readers`,
      `heap ${mib(early)} MiB in the middle, ${mib(late)} MiB at the end; ${files[0]} and ${files.at(-1)} open files`
    ]
  }
}

export const campaign: Campaign = {
  name: "soak",
  shows: "Nothing is lost over many lives of a lib on a real disk, and neither memory nor open files grow.",
  run
}
