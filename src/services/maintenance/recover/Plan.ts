/** Plan of a recovery: which files and committed records become the new tape, and what is lost. */
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import { numbersBeforeRepack } from "../../../domain/meta/TapeState.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { Committed } from "./Committed.ts"
import { type Tail, tailBehind } from "./DynamicTail.ts"
import { type Gap, gapsOf, type Missing, missingOf, ordinalsOf, type OldSegment } from "./Ordinals.ts"
import { resolve } from "./Overlap.ts"
import { type Found, type GoodFile, isRemoved, type Lost } from "./FoundFiles.ts"

export interface Plan {
  /** Files that become segments of the new tape. */
  readonly files: ReadonlyArray<GoodFile>
  /** Range of committed records for each new segment after them. `nextNumber` is the number of the first. */
  readonly tails: ReadonlyArray<readonly [from: number, to: number]>
  readonly nextNumber: number
  /** Lost files whose records are not proven to be in other files. `isBack`: the committed records include theirs. */
  readonly lost: ReadonlyArray<Lost & { readonly isBack: boolean }>
  readonly missing: ReadonlyArray<Missing>
  /** Names of files that are not needed. */
  readonly dropped: ReadonlyArray<string>
  readonly gaps: ReadonlyArray<Gap>
}

/**
 * Returns the plan, or the files that make it ambiguous. `countsLost`: lost files were certainly segments of this tape,
 * and not of one that it was recovered from.
 */
export const planOf = (
  found: Found,
  committed: Committed | undefined,
  role: Role,
  countsLost: boolean
): Plan | { readonly ambiguous: ReadonlyArray<string> } => {
  const isLeftover = leftoversOf(found)
  const good = found.good.filter(({ number }) => !isLeftover(number))
  const unread = found.lost.filter(({ number }) => !isLeftover(number))
  const resolved = resolve(
    good,
    unread.map(({ number }) => number),
    role
  )
  if ("ambiguous" in resolved) return resolved
  const { kept, spare } = resolved
  const unspared = unread.filter(({ number }) => !spare.has(number))
  const tail = tailOf(kept, unspared, committed, role, countsLost)
  if ("changed" in tail) return planOf(without(found, tail.changed), committed, role, countsLost)
  if ("ambiguous" in tail) {
    const dynamics = new Set(committed?.parts.map(({ file }) => dynamicName(file.dynamic)))
    return { ambiguous: [tail.ambiguous.name, ...dynamics] }
  }
  const files = kept.slice(0, tail.files)
  const lastNumber = files.at(-1)?.number ?? 0
  // If no record is lost between the files and the committed records, these include everything that followed the files.
  const behind = tail.joins ? rowBehind(lastNumber, unspared) : new Set()
  const isBack = (one: Lost): boolean => behind.has(one)
  const lost = unspared.filter((one) => !isBack(one))
  const named = new Set<GoodFile | Lost>([...files, ...unspared])
  const needless = [...found.good, ...found.lost]
    .filter((one) => !named.has(one))
    .toSorted((a, b) => a.number - b.number)
  const stood = [...files, ...lost, ...(tail.joins ? [] : kept.slice(tail.files))]
  const numbers = numbersOf(stood)
  const ordinals = new Map(files.map(({ number }, index) => [number, tail.ordinals[index]]))
  const places = placesOf(files, lost).map((place) => ({
    ...place,
    ordinal: ordinals.get(place.number) ?? place.ordinal
  }))
  return {
    files,
    tails: tailsOf(tail, committed),
    nextNumber: nextNumberOf(found, tail, lastNumber),
    lost: unspared.map((one) => ({ ...one, isBack: isBack(one) })),
    missing: missingOf(
      stood.map((one) => ({ number: one.number, isLost: isLost(one) })),
      needless.map(({ number }) => number).filter((number) => !numbers.has(number))
    ),
    dropped: needless
      .filter((one) => !isLost(one) || one.isThere)
      .map((one) => (isLost(one) ? one.file.segment : one.name)),
    gaps: gapsOf(places, countsLost, committed === undefined ? undefined : committed.ordinal + tail.from)
  }
}

/** Returns the lost files after number `last`, up to where a repack may have been, whose outputs were placed before. */
const rowBehind = (last: number, lost: ReadonlyArray<Lost>): ReadonlySet<Lost> => {
  const row = new Set<Lost>()
  let before = last
  for (const one of lost) {
    if (one.number <= last) continue
    if (one.number - before > numbersBeforeRepack) break
    row.add(one)
    before = one.number
  }
  return row
}

const numbersOf = (all: Iterable<GoodFile | Lost>): Set<number> => new Set([...all].map(({ number }) => number))

/** Returns `found`, with a file that looked good moved to the lost ones. */
const without = (found: Found, changed: GoodFile): Found => {
  const { name: segment, number, prints } = changed
  const why = "its records differ from the committed ones"
  const file = { segment, offset: 0, why, records: prints.length }
  const lost = { number, isThere: true, known: undefined, file }
  return {
    ...found,
    good: found.good.filter((one) => one.name !== segment),
    lost: [...found.lost, lost].toSorted((a, b) => a.number - b.number)
  }
}

const isLost = (one: GoodFile | Lost): one is Lost => "file" in one

/**
 * Returns a test for files that a repack had not removed yet, according to a damaged meta. Applies only if all its
 * outputs exist.
 */
const leftoversOf = ({ good, repacked }: Found): ((number: number) => boolean) => {
  if (repacked === undefined) return () => false
  const [first, last] = repacked.added
  const made = good.filter(({ number }) => number >= first && number <= last)
  return made.length === last - first + 1 ? (number) => isRemoved(number, repacked) : () => false
}

/** Returns good and lost files by number. */
const placesOf = (files: ReadonlyArray<GoodFile>, lost: ReadonlyArray<Lost>): Array<OldSegment> =>
  [
    ...files.map(({ firstOrdinal, number, prints }) => ({
      number,
      records: prints.length,
      isLost: false,
      ordinal: firstOrdinal
    })),
    ...lost.map(({ file, known, number }) => ({
      number,
      records: file.records,
      isLost: true,
      ordinal: known?.firstOrdinal
    }))
  ].toSorted((a, b) => a.number - b.number)

const tailOf = (
  kept: ReadonlyArray<GoodFile>,
  lost: ReadonlyArray<Lost>,
  committed: Committed | undefined,
  role: Role,
  countsLost: boolean
): Tail | { readonly ambiguous: GoodFile } | { readonly changed: GoodFile } => {
  if (committed === undefined) return { files: kept.length, from: 0, covered: 0, joins: false, ordinals: [] }
  const places = placesOf(kept, lost)
  const ordinals = ordinalsOf(places, countsLost)
  const byNumber = new Map<number, { readonly ordinal: number | undefined; readonly presumed: number | undefined }>()
  let presumed: number | undefined = 0
  for (const [index, { isLost, number, records }] of places.entries()) {
    byNumber.set(number, { ordinal: ordinals[index], presumed })
    if (isLost && !countsLost) continue
    presumed = presumed === undefined || records === undefined ? undefined : presumed + records
  }
  return tailBehind(
    kept.map((file) => ({ ...file, ...byNumber.get(file.number)! })),
    committed,
    role
  )
}

/**
 * Returns two ranges if files are left out for them. The first range ends where those files end, like the output of a
 * repack, so that a later recovery drops the same files.
 */
const tailsOf = ({ covered, from }: Tail, committed: Committed | undefined): Plan["tails"] => {
  const end = committed?.prints.length ?? 0
  const tails = [[from, covered] as const, [Math.max(from, covered), end] as const]
  return tails.filter(([first, behind]) => first < behind)
}

const nextNumberOf = ({ good, highest, lost }: Found, { covered, from }: Tail, lastNumber: number): number => {
  const there = Math.max(0, ...[good.at(-1), lost.findLast(({ isThere }) => isThere)].map((one) => one?.number ?? 0))
  const asRepack = there + 1 + numbersBeforeRepack
  if (covered > from && asRepack > highest) return asRepack
  // Otherwise far from files that stay without being segments: their numbers must never look like those of a repack.
  return highest + 1 + (highest === lastNumber ? 0 : 3 * numbersBeforeRepack)
}
