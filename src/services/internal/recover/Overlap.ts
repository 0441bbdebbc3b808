/**
 * Files that say the same twice. A repack that was interrupted leaves its outputs behind the segments that it rewrote:
 * lines that repeat earlier ones from a file's beginning on. These are dropped; any other repetition of a whole file is
 * for a human to judge.
 */
import type { GoodFile } from "./SegmentFiles.ts"

export type Overlap =
  | { readonly kept: ReadonlyArray<GoodFile>; readonly dropped: ReadonlyArray<GoodFile> }
  /** Names of files that repeat others, and it cannot be told which to keep. */
  | { readonly ambiguous: ReadonlyArray<string> }

export const resolve = (files: ReadonlyArray<GoodFile>): Overlap => {
  const twins = sameNumber(files)
  if (twins.length > 0) return { ambiguous: twins }
  const end = endOfOriginals(files)
  const kept = files.slice(0, end)
  const dropped = files.slice(end)
  const repeated = repeatedFiles(kept)
  return repeated.length > 0 ? { ambiguous: repeated } : { kept, dropped }
}

const sameNumber = (files: ReadonlyArray<GoodFile>): Array<string> =>
  files
    .filter((file, index) => file.number === files[index - 1]?.number || file.number === files[index + 1]?.number)
    .map((file) => file.name)

/** The smallest `end` such that all files from there on repeat, as one run, earlier lines from a file's beginning on. */
const endOfOriginals = (files: ReadonlyArray<GoodFile>): number => {
  for (let end = 1; end < files.length; end++) {
    const originals = files.slice(0, end)
    const copies = files.slice(end)
    for (let first = 0; first < end; first++) if (beginsWith(originals.slice(first), copies)) return end
  }
  return files.length
}

/** Files all of whose lines stand again, in a row and from a file's beginning on, in other files. */
const repeatedFiles = (files: ReadonlyArray<GoodFile>): Array<string> => {
  const repeated = new Set<string>()
  for (const [index, file] of files.entries()) {
    for (let other = 0; other < files.length; other++) {
      if (other === index || !beginsWith(files.slice(other), [file])) continue
      repeated.add(file.name)
      repeated.add(files[other]!.name)
    }
  }
  return [...repeated]
}

/** Whether the lines of `files` begin with all the lines of `others`. */
const beginsWith = (files: ReadonlyArray<GoodFile>, others: ReadonlyArray<GoodFile>): boolean => {
  const left = walk(files)
  for (const print of walk(others)) if (left.next().value !== print) return false
  return true
}

function* walk(files: ReadonlyArray<GoodFile>): Generator<number, undefined> {
  for (const { prints } of files) yield* prints
  return undefined
}
