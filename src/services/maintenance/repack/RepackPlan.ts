/** Plans a repack: which segments it rewrites, how many it may make of them, and which numbers these get. */
import * as Effect from "effect/Effect"
import type { Compression } from "../../../domain/format/Names.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../../domain/meta/TapeState.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"

/** The segments that a repack makes. */
export interface Settings {
  readonly targetBytes: number
  readonly compression: Compression | "keep"
  readonly dedup: boolean
  readonly shardEvery: number
}

const MiB = 1024 * 1024

/** Returns the settings with their defaults. */
export const settingsOf = (options: Partial<Settings>): Settings => ({
  // The bytes of a segment are counted with 32 bits.
  targetBytes: Math.min(1024 * MiB, Math.max(1, options.targetBytes ?? 64 * MiB)),
  compression: options.compression ?? "none",
  dedup: options.dedup ?? false,
  shardEvery: options.shardEvery ?? 0
})

/** The segments to rewrite, and the numbers that were taken for the new ones: `taken` and those up to `behind`. */
export interface Planned {
  readonly run: ReadonlyArray<Segment>
  readonly settings: Settings
  readonly taken: number
  readonly behind: number
}

/**
 * Chooses the run and takes the numbers in one step, while no flush is under way: the number of a segment that comes after
 * the run must be after those of the outputs, and a flush takes its number long before it lists the segment. `undefined`
 * if there is nothing to rewrite.
 */
export const plan = (
  tape: OpenTape,
  choose: () => Pick<Planned, "run" | "settings">
): Effect.Effect<Planned | undefined> =>
  tape.lock.withPermit(
    Effect.sync(() => {
      const { run, settings } = choose()
      if (run.length === 0) return undefined
      // A flush may add segments meanwhile. Their numbers must be at another distance than ours are from the run.
      const { numbersBeforeRepack } = TapeState
      const count = numbersBeforeRepack + segmentsMaxOf(tape, run, settings) + numbersBeforeRepack + 1
      const taken = tape.takeRepackNumbers(count)
      return { run, settings, taken, behind: taken + count }
    })
  )

/** Returns the ranges of ordinals of a run that no output may cross. */
export const zonesOfRun = (tape: OpenTape, run: ReadonlyArray<Segment>) => {
  const last = run.at(-1)!
  return zonesOf(tape, run[0]!.firstOrdinal, last.firstOrdinal + last.records)
}

/** Returns the most segments that a run may become. */
export const segmentsMaxOf = (tape: OpenTape, run: ReadonlyArray<Segment>, { targetBytes }: Settings): number =>
  outputsMax(run, targetBytes) + zonesOfRun(tape, run).length - 1

/** Returns the run to rewrite: from the first segment that does not match the settings to the end. */
export const runOf = (segments: ReadonlyArray<Segment>, settings: Settings, force: boolean): ReadonlyArray<Segment> => {
  if (force) return segments
  const first = segments.findIndex((segment, index) => !fits(segment, index === segments.length - 1, settings))
  return first === -1 ? [] : segments.slice(first)
}

const fits = (segment: Segment, isLast: boolean, settings: Settings): boolean => {
  const { targetBytes, compression, dedup, shardEvery } = settings
  if ((compression !== "keep" && segment.compression !== compression) || (segment.shardEvery ?? 0) !== shardEvery)
    return false
  // Only reading a segment shows whether records repeat in it.
  if (dedup || segment.same !== undefined) return false
  // A segment ends with the first record that brings it to the target, so long records make it longer.
  const bytesMax = targetBytes + Math.max(targetBytes / 4, segment.rawBytes / segment.records)
  return segment.rawBytes <= bytesMax && (isLast || segment.rawBytes >= targetBytes / 2)
}

/**
 * Returns the most outputs that there can be. Each but the last has the target's size; if references to repeats shrink
 * them, the number of records is the limit.
 */
const outputsMax = (run: ReadonlyArray<Segment>, targetBytes: number): number =>
  run.some((segment) => segment.same !== undefined)
    ? sum(run, (segment) => segment.records)
    : Math.ceil(sum(run, (segment) => segment.rawBytes) / targetBytes)

/**
 * Returns the ranges of ordinals that no output may cross: where events are lost, the revisions of a stream have a gap,
 * and those of a segment must not.
 */
const zonesOf = ({ role, state }: OpenTape, from: number, to: number): ReadonlyArray<readonly [number, number]> => {
  const inner = role === "events" ? state.lost.map(({ ordinal }) => ordinal) : []
  const edges = [...new Set([from, ...inner.filter((ordinal) => ordinal > from && ordinal < to), to])]
  return edges.slice(1).map((end, index) => [edges[index]!, end] as const)
}

/** Returns the sum over segments. */
export const sum = (segments: ReadonlyArray<Segment>, of: (segment: Segment) => number): number =>
  segments.reduce((total, segment) => total + of(segment), 0)
