/**
 * A campaign: one way to look for lost or silently damaged data, that says what it has seen in numbers. `main.ts` runs
 * all of them; `run.ts` runs one, in a process of its own.
 */

/** `ordinary` is what every change runs, `long` what runs for hours before a release. */
export type Size = "ordinary" | "long"

export interface Options {
  readonly size: Size
  /** All that is random comes from it. */
  readonly seed: number
  /** This process runs the `part`-th of `parts` equal shares of the campaign, counted from 0. */
  readonly part: number
  readonly parts: number
  /** Progress, for a human. */
  readonly log: (line: string) => void
}

/** What campaigns count, each for itself; `main.ts` adds them up. */
export interface Counts {
  /** Operations of the disk at which a crash or an error was tried. */
  readonly points: number
  /** Disks as a crash may leave them, that were opened and compared with what had been acknowledged. */
  readonly images: number
  /** Answers that the promises forbid. */
  readonly violations: number
  /** Protocols that were broken on purpose, and how many of these were found out. */
  readonly mutants: number
  readonly caught: number
  /** Damaged copies of stored bytes, and how many of these gave wrong records without an error. */
  readonly flips: number
  readonly silent: number
  /** Hostile inputs that were read. */
  readonly inputs: number
  /** Processes that were killed. */
  readonly kills: number
}

export interface Result {
  readonly counts: Partial<Counts>
  /** Each failure in words, with all that is needed to see it again. Empty where all is well. */
  readonly failures: ReadonlyArray<string>
  /** Lines of figures for the report: what was tried, and where it landed. */
  readonly figures?: ReadonlyArray<string>
}

export interface Campaign {
  readonly name: string
  /** What it shows, in a sentence. */
  readonly shows: string
  /** Into how many shares it can be split, so that all cores have work; 1 unless it says more. */
  readonly partsMax?: number
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
