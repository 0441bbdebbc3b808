/**
 * A campaign: one way to look for lost or silently damaged data. It reports what it saw as numbers. `main.ts` runs all
 * campaigns; `run.ts` runs one, in a separate process.
 */

/** `ordinary` runs for every change, `long` runs for hours before a release. */
export type Size = "ordinary" | "long"

export interface Options {
  readonly size: Size
  /** Seed of everything random. */
  readonly seed: number
  /** This process runs the `part`-th of `parts` equal shares of the campaign, counted from 0. */
  readonly part: number
  readonly parts: number
  /** Progress, for a human. */
  readonly log: (line: string) => void
}

/** Counts of one campaign; `main.ts` adds them up. */
export interface Counts {
  /** Disk operations at which a crash or an error was tried. */
  readonly points: number
  /** Disks as a crash may leave them, each opened and compared with the acknowledged appends. */
  readonly images: number
  /** Results that break a promise. */
  readonly violations: number
  /** Protocols that were broken on purpose. */
  readonly mutants: number
  /** Mutants that were caught. */
  readonly caught: number
  /** Damaged copies of stored bytes. */
  readonly flips: number
  /** Damaged copies that gave wrong records without an error. */
  readonly silent: number
  /** Hostile inputs that were read. */
  readonly inputs: number
  /** Processes that were killed. */
  readonly kills: number
}

export interface Result {
  readonly counts: Partial<Counts>
  /** Each failure in words, with everything needed to reproduce it. Empty if nothing was found. */
  readonly failures: ReadonlyArray<string>
  /** Lines of figures for the report: what was tried, and how it ended. */
  readonly figures?: ReadonlyArray<string>
}

export interface Campaign {
  readonly name: string
  /** The promise that it checks, in a sentence. */
  readonly shows: string
  /** Largest number of shares that it can be split into, so that all cores have work. Default: 1. */
  readonly partsMax?: number
  /** It mostly waits: for processes that it kills, for a disk, for its time to pass. Such a one runs while others compute. */
  readonly waits?: boolean
  readonly run: (options: Options) => Promise<Result>
}

export const noCounts: Counts = {
  points: 0,
  images: 0,
  violations: 0,
  mutants: 0,
  caught: 0,
  flips: 0,
  silent: 0,
  inputs: 0,
  kills: 0
}

export const addCounts = (a: Counts, b: Partial<Counts>): Counts => {
  const sum: Record<string, number> = { ...a }
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count
  return sum as unknown as Counts
}
