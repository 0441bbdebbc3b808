/**
 * A mutant: a protocol that is broken on purpose, as a change of the text of a source file. It is made while the file is
 * loaded, in a process of its own, so that the source itself knows nothing of it.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Kind } from "../crashes/acts.ts"

export interface Edit {
  /** Below `src/`. */
  readonly file: string
  /** Stands there once. */
  readonly find: string
  readonly replace: string
}

/** Where a mutant shows. */
export interface Reach {
  /** Runs that come to it, one after the other, again and again. */
  readonly histories: ReadonlyArray<ReadonlyArray<Kind>>
  /** Of so many images one is crashed again within its recovery; default: none. */
  readonly nestedEvery?: number
  /** Most images of a power loss at one point; default 4. */
  readonly lossesMax?: number
  /** Crashes only at the ends of runs and before steps of these kinds; default: before all. */
  readonly before?: ReadonlyArray<string>
  /** Crashes at points before the acts too: while the lib and its tapes are made. */
  readonly fromStart?: boolean
  /** It takes an error of these operations to show it, and no crash in the midst of the run. */
  readonly errorsOf?: ReadonlyArray<string>
}

export interface Mutant extends Reach {
  readonly name: string
  /** What is wrong with it. */
  readonly breaks: string
  readonly edits: ReadonlyArray<Edit>
}

/** A mutant that no crash and no error can tell from the real thing. */
export interface Harmless extends Mutant {
  /** Why that is so. */
  readonly because: string
}

/** The mutant does not stand for anything any more: the source has changed under it. */
export class DoesNotApply extends Error {}

/** The source of `file` as the mutant has it. */
export const mutate = ({ edits, name }: Mutant, file: string, source: string): string =>
  edits
    .filter((edit) => edit.file === file)
    .reduce((text, { find, replace }) => {
      const found = text.split(find).length - 1
      if (found === 1) return text.replace(find, () => replace)
      throw new DoesNotApply(
        `mutant ${name} does not apply any more: src/${file} has ${found} times, not once:\n${find}\nMend the mutant.`
      )
    }, source)

const src = new URL("../../../src/", import.meta.url)

/** The file below `src/` that stands at `url`, if it is one. */
export const fileOf = (url: string): string | undefined =>
  url.startsWith(src.href) ? decodeURIComponent(url.slice(src.href.length)) : undefined

export const filesOf = ({ edits }: Mutant): ReadonlyArray<string> => [...new Set(edits.map(({ file }) => file))]

/** Sees that a mutant can be made of the source as it is. */
export const checkApplies = (mutant: Mutant): void => {
  for (const file of filesOf(mutant)) mutate(mutant, file, readFileSync(fileURLToPath(new URL(file, src)), "utf8"))
}
