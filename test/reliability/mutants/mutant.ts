/**
 * A mutant: a protocol that is broken on purpose, by edits to the text of source files. The edits are made in a
 * separate process while the files are loaded, so the source needs no switches.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Kind } from "../crashes/acts.ts"

export interface Edit {
  /** Path of the file below `src/`. */
  readonly file: string
  /** Text that the file contains exactly once. */
  readonly find: string
  readonly replace: string
}

/** How a mutant can be caught. */
export interface Reach {
  /** Runs that reach it, tried in turn. */
  readonly histories: ReadonlyArray<ReadonlyArray<Kind>>
  /** One image in this many is crashed again during its recovery. Default: none. */
  readonly nestedEvery?: number
  /** Most images of a power loss at one point. Default: 4. */
  readonly lossesMax?: number
  /** Crash only at the ends of runs and before steps of these kinds. Default: before all. */
  readonly before?: ReadonlyArray<string>
  /** Crash before the acts too, while the lib and its tapes are created. */
  readonly fromStart?: boolean
  /** Only an error of one of these operations shows the mutant, not a crash during the run. */
  readonly errorsOf?: ReadonlyArray<string>
  /** The mutant shows only when another writer takes over: the subjects of the campaign `locks` that are held up. */
  readonly overtakes?: ReadonlyArray<string>
  /** The mutant shows only in a consumer: runs of the exploration in `consumers`, instead of histories. */
  readonly consumers?: boolean
  /** The same, with runs of reactors or of scheduled events. */
  readonly explores?: "reactors" | "scheduled"
  /** Such an operation fails from then on until the writer is closed; default: once. */
  readonly isForGood?: boolean
}

export interface Mutant extends Reach {
  readonly name: string
  /** What it does wrong, in a sentence. Begins with `I1: ` and so on if it breaks that invariant. */
  readonly breaks: string
  readonly edits: ReadonlyArray<Edit>
}

/** A mutant that no crash and no error can tell from the real protocol. */
export interface Harmless extends Mutant {
  /** The reason why nothing can show it. */
  readonly because: string
}

/** The source has changed: the text that an edit looks for is no longer there exactly once. */
export class DoesNotApply extends Error {}

/** Returns the source of `file` with the edits of the mutant. */
export const mutate = ({ edits, name }: Mutant, file: string, source: string): string =>
  edits
    .filter((edit) => edit.file === file)
    .reduce((text, { find, replace }) => {
      const found = text.split(find).length - 1
      if (found === 1) return text.replace(find, () => replace)
      throw new DoesNotApply(
        `mutant ${name} no longer applies: src/${file} contains this ${found} times, not once:\n${find}\nUpdate the mutant.`
      )
    }, source)

const src = new URL("../../../src/", import.meta.url)

/** Returns the path below `src/` of the file at `url`, or `undefined` if it is not in `src/`. */
export const fileOf = (url: string): string | undefined =>
  url.startsWith(src.href) ? decodeURIComponent(url.slice(src.href.length)) : undefined

export const filesOf = ({ edits }: Mutant): ReadonlyArray<string> => [...new Set(edits.map(({ file }) => file))]

/** Throws `DoesNotApply` if an edit of the mutant does not fit the source. */
export const checkApplies = (mutant: Mutant): void => {
  for (const file of filesOf(mutant)) mutate(mutant, file, readFileSync(fileURLToPath(new URL(file, src)), "utf8"))
}
