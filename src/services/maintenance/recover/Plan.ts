/** What recovery will make of what it has found: which files, which committed records behind them, and what is lost. */
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import { numbersBeforeRepack } from "../../../domain/meta/TapeState.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import { type Committed, type Tail, tailBehind } from "./DynamicTail.ts"
import { type Gap, gapsOf, type Missing, missingOf, ordinalsOf, type OldSegment } from "./Ordinals.ts"
import { resolve } from "./Overlap.ts"
import { type Found, type GoodFile, isRemoved, type Lost } from "./FoundFiles.ts"

export interface Plan {
  /** The files that are segments of the new tape. */
  readonly files: ReadonlyArray<GoodFile>
  /** Which committed records each segment behind them gets, and the number of the first. */
  readonly tails: ReadonlyArray<readonly [from: number, to: number]>
  readonly nextNumber: number
  /** Lost files of which nothing proves that others have their records; `isBack`: the committed ones have them. */
  readonly lost: ReadonlyArray<Lost & { readonly isBack: boolean }>
  readonly missing: ReadonlyArray<Missing>
  /** Names of files that are not needed. */
  readonly dropped: ReadonlyArray<string>
  readonly gaps: ReadonlyArray<Gap>
}

/**
 * `countsLost`: lost files were segments of this tape for certain, and not of one that it was recovered from. Fails to
 * plan where nothing tells which files belong to the tape.
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
  // Where nothing is lost between them and the committed records, these have all that was behind.
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

/** Lost files behind number `last`, up to where a repack may have been: what it made stood in front. */
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

/** What was found, with a file that looked good among the lost ones. */
const without = (found: Found, changed: GoodFile): Found => {
  const { name: segment, number, prints } = changed
  const why = "its records are not those that were committed"
  const file = { segment, offset: 0, why, records: prints.length }
  const lost = { number, isThere: true, known: undefined, file }
  return {
    ...found,
    good: found.good.filter((one) => one.name !== segment),
    lost: [...found.lost, lost].toSorted((a, b) => a.number - b.number)
  }
}

const isLost = (one: GoodFile | Lost): one is Lost => "file" in one

/** Files that a repack had not removed yet, by the word of a damaged meta: where all that it made is there. */
const leftoversOf = ({ good, repacked }: Found): ((number: number) => boolean) => {
  if (repacked === undefined) return () => false
  const [first, last] = repacked.added
  const made = good.filter(({ number }) => number >= first && number <= last)
  return made.length === last - first + 1 ? (number) => isRemoved(number, repacked) : () => false
}

/** Good and lost files, by number. */
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
 * Two where files are left out for them: the first ends where these end, as what a repack makes does, so that a later
 * recovery finds that they are needless as this one did.
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
  // Else far from files that stay and are no segments: their numbers must never look like those of a repack.
  return highest + 1 + (highest === lastNumber ? 0 : 3 * numbersBeforeRepack)
}
