/** Measures how busy the machine is with other work, so that figures from a loaded machine can be recognised. */
import { readFileSync } from "node:fs"

interface Ticks {
  readonly busy: number
  readonly all: number
}

/** Returns the ticks of all cores since the machine started. Linux only; `undefined` elsewhere. */
const ticks = (): Ticks | undefined => {
  try {
    const numbers = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/).slice(1, 9).map(Number)
    const all = numbers.reduce((sum, number) => sum + number, 0)
    const [, , , idle, waiting] = numbers
    return { busy: all - idle! - waiting!, all }
  } catch {
    return undefined
  }
}

const microsOfTick = 10_000

/**
 * Starts to watch. The returned function returns the share of all cores that other processes have used since, 0 to 1,
 * or `undefined` if that is not known.
 */
export const watchLoad = (): (() => number | undefined) => {
  const before = ticks()
  const ownBefore = process.cpuUsage()
  return () => {
    const after = ticks()
    if (before === undefined || after === undefined || after.all === before.all) return undefined
    const { user, system } = process.cpuUsage(ownBefore)
    const own = (user + system) / microsOfTick
    return Math.min(1, Math.max(0, (after.busy - before.busy - own) / (after.all - before.all)))
  }
}
