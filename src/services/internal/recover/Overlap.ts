/**
 * Files that say the same twice. A repack that was interrupted leaves its outputs beside the segments that it rewrote, or
 * some of these beside its outputs. Which is which is known by their numbers and proved by their lines: one of the two is
 * dropped. Any other repetition of a whole file is for a human to judge, unless numbers without a gap show that the
 * records were appended twice.
 */
import { numbersBeforeRepack } from "../../../domain/TapeState.ts"
import type { GoodFile } from "./SegmentFiles.ts"

export type Overlap =
  | { readonly kept: ReadonlyArray<OverlapFile>; readonly dropped: ReadonlyArray<OverlapFile> }
  /** Names of files that repeat others, and it cannot be told which to keep. */
  | { readonly ambiguous: ReadonlyArray<string> }

/** What is looked at of a file. */
type OverlapFile = Pick<GoodFile, "name" | "number" | "prints">

/**
 * Which of `files`, ascending by number, are the tape's. `lost`: numbers of files that cannot be read; there is no gap
 * where one of them stands.
 */
export const resolve = <F extends OverlapFile>(
  files: ReadonlyArray<F>,
  lost: ReadonlyArray<number> = []
):
  | { readonly kept: ReadonlyArray<F>; readonly dropped: ReadonlyArray<F> }
  | { readonly ambiguous: ReadonlyArray<string> } => {
  const twins = sameNumber(files)
  if (twins.length > 0) return { ambiguous: twins }
  let kept: Array<F> = []
  const dropped: Array<F> = []
  for (const { gap, members } of groupsOf(files, lost)) {
    const verdict = gap === numbersBeforeRepack ? judge(kept, members, new Set(lost)) : "unrelated"
    if (verdict === "ambiguous") return { ambiguous: [...kept, ...members].map((file) => file.name) }
    if (verdict === "repeats") {
      dropped.push(...members)
      continue
    }
    if (verdict !== "unrelated") {
      dropped.push(...kept.slice(verdict.repeatsFrom))
      kept = kept.slice(0, verdict.repeatsFrom)
    }
    kept.push(...members)
  }
  const repeated = repeatedFiles(groupsOf(kept, lost))
  return repeated.length > 0 ? { ambiguous: repeated } : { kept, dropped }
}

const sameNumber = (files: ReadonlyArray<OverlapFile>): Array<string> =>
  files
    .filter((file, index) => file.number === files[index - 1]?.number || file.number === files[index + 1]?.number)
    .map((file) => file.name)

/** Files whose numbers follow each other. */
interface Group<F> {
  /** Numbers between this group and what is before it. */
  readonly gap: number
  readonly members: Array<F>
}

const groupsOf = <F extends OverlapFile>(files: ReadonlyArray<F>, lost: ReadonlyArray<number>): Array<Group<F>> => {
  const byNumber = new Map<number, F | undefined>(lost.map((number) => [number, undefined]))
  for (const file of files) byNumber.set(file.number, file)
  const groups: Array<Group<F>> = []
  let before = 0
  for (const [number, file] of [...byNumber].toSorted(([a], [b]) => a - b)) {
    if (groups.length === 0 || number > before + 1) groups.push({ gap: number - before - 1, members: [] })
    if (file !== undefined) groups.at(-1)!.members.push(file)
    before = number
  }
  return groups
}

/**
 * What `outputs` are to the files before them. `repeats`: they are the beginning of a repack that was not finished.
 * `repeatsFrom`: it was, and the files from there on are what it did not remove any more.
 */
const judge = (
  files: ReadonlyArray<OverlapFile>,
  outputs: ReadonlyArray<OverlapFile>,
  lost: ReadonlySet<number>
): "unrelated" | "repeats" | "ambiguous" | { readonly repeatsFrom: number } => {
  const made = joined(outputs)
  const before = joined(files)
  const starts = startsOf(files)
  if (made.length === 0) return "unrelated"
  // Two ways to read them are one where they give the same stream, and they give the same where it is as long.
  const readings = new Map<number, "repeats" | { readonly repeatsFrom: number }>()
  for (const [index, start] of starts.entries()) {
    const length = before.length - start
    if (length > made.length || !stands(before.subarray(start), made, made.length - length)) continue
    // What the repack removed already stood in front of what it left.
    const { number } = files[index]!
    const isCut = number - 1 > (files[index - 1]?.number ?? 0) && !lost.has(number - 1)
    if (length === made.length || isCut) readings.set(start + made.length, { repeatsFrom: index })
  }
  if (starts.some((start) => stands(made, before, start))) readings.set(before.length, "repeats")
  if (readings.size > 1) return "ambiguous"
  const [reading] = readings.values()
  if (reading !== undefined) return reading
  const overlaps =
    outputs.some((file) => standsAnywhere(file.prints, before)) ||
    files.some((file) => standsAnywhere(file.prints, made))
  return overlaps ? "ambiguous" : "unrelated"
}

/** Files all of whose lines stand again, in a row and from a file's beginning on, among files of another group. */
const repeatedFiles = (groups: ReadonlyArray<Group<OverlapFile>>): Array<string> => {
  const repeated = new Set<string>()
  const beginnings = new Map<number, Array<{ readonly group: number; readonly index: number }>>()
  const lines = groups.map(({ members }) => joined(members))
  const starts = groups.map(({ members }) => startsOf(members))
  for (const [group, { members }] of groups.entries()) {
    for (const [index, { prints }] of members.entries()) {
      const alike = beginnings.get(prints[0]!)
      if (alike === undefined) beginnings.set(prints[0]!, [{ group, index }])
      else alike.push({ group, index })
    }
  }
  for (const [group, { members }] of groups.entries()) {
    for (const { name, prints } of members) {
      for (const other of beginnings.get(prints[0]!) ?? []) {
        if (other.group === group || !stands(prints, lines[other.group]!, starts[other.group]![other.index]!)) continue
        repeated.add(name)
        repeated.add(groups[other.group]!.members[other.index]!.name)
      }
    }
  }
  return [...repeated]
}

const startsOf = (files: ReadonlyArray<OverlapFile>): Array<number> => {
  let next = 0
  return files.map(({ prints }) => {
    const start = next
    next += prints.length
    return start
  })
}

const joined = (files: ReadonlyArray<OverlapFile>): Float64Array => {
  const all = new Float64Array(files.reduce((sum, file) => sum + file.prints.length, 0))
  for (const [index, start] of startsOf(files).entries()) all.set(files[index]!.prints, start)
  return all
}

/** Whether these lines are those of `lines` from `start` on. */
const stands = (prints: Float64Array, lines: Float64Array, start: number): boolean => {
  if (start + prints.length > lines.length) return false
  for (let at = 0; at < prints.length; at++) if (prints[at] !== lines[start + at]) return false
  return true
}

const standsAnywhere = (prints: Float64Array, lines: Float64Array): boolean => {
  for (let at = lines.indexOf(prints[0]!); at !== -1; at = lines.indexOf(prints[0]!, at + 1)) {
    if (stands(prints, lines, at)) return true
  }
  return false
}
