/** How busy the machine is with other things, so that a figure from a loaded machine is seen to be one. */
import { readFileSync } from "node:fs"

interface Ticks {
  readonly busy: number
  readonly all: number
}

/** Linux only: the sum over all cores since the machine started. */
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

/** Begins to watch; the result says which share of all cores others have used since, 0 to 1, where that can be told. */
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
