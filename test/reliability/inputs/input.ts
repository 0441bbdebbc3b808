/** Makes the inputs of a seed: each is a valid lib with changes. */
import { makeRandom, type Random, seedOf } from "../random.ts"
import type { Base } from "./bases.ts"
import { byteMutations, fileMutations, type Mutate } from "./mutateBytes.ts"
import { lineMutations } from "./mutateLines.ts"
import { metaMutations } from "./mutateMeta.ts"
import { packedMutations } from "./mutatePacked.ts"
import type { Draft } from "./reseal.ts"

export interface Input {
  readonly base: Base
  readonly files: Draft
  /** Kind of the first change. */
  readonly kind: string
  readonly said: string
  /** Whether only written records may be read: no hash was recomputed over changed bytes. */
  readonly isTruthful: boolean
  /** Changed folders and files at the top of the lib. */
  readonly touched: ReadonlySet<string>
  /** Decides what is done with the input. */
  readonly random: Random
}

const weights: Readonly<Record<string, number>> = { metaField: 16, hint: 1, frame: 4 }

/**
 * Changes of derived data, and changes after which hashes no longer match: neither can produce records that were not
 * written.
 */
const truthful = new Set([...Object.keys(byteMutations), "index", "hint"])

const kinds: ReadonlyArray<readonly [kind: string, weight: number, mutate: Mutate]> = [
  ...Object.entries(byteMutations).map(([kind, mutate]) => [kind, 2, mutate] as const),
  ...Object.entries(fileMutations).map(([kind, mutate]) => [kind, 3, mutate] as const),
  ...Object.entries({ ...metaMutations, ...lineMutations, ...packedMutations }).map(
    ([kind, mutate]) => [kind, weights[kind] ?? 6, mutate] as const
  )
]

const weighted = <A extends { readonly weight: number }>(random: Random, from: ReadonlyArray<A>): A => {
  let left = random.below(from.reduce((sum, one) => sum + one.weight, 0))
  return from.find((one) => (left -= one.weight) < 0)!
}

const choices = kinds.map(([kind, weight, mutate]) => ({ kind, weight, mutate }))

export const makeInput = (bases: ReadonlyArray<Base>, seed: number, number: number): Input => {
  const random = makeRandom(seedOf(seed, number))
  const others = bases.map((base) => new Map(base.files))
  for (;;) {
    const base = weighted(random, bases)
    const files: Draft = new Map(base.files)
    const said: Array<string> = []
    const used: Array<string> = []
    for (let changes = random.next() < 0.85 ? 1 : 2 + random.below(2); changes > 0; changes--) {
      const { kind, mutate } = weighted(random, choices)
      const done = mutate(random, files, others)
      if (done === undefined) continue
      said.push(`${kind}: ${done}`)
      used.push(kind)
    }
    if (used.length === 0) continue
    const isTruthful = used.every((kind) => truthful.has(kind))
    return { base, files, kind: used[0]!, said: said.join(" | "), isTruthful, touched: touchedIn(base, files), random }
  }
}

const touchedIn = (base: Base, files: Draft): ReadonlySet<string> => {
  const paths = [...new Set([...base.files.keys(), ...files.keys()])]
  return new Set(paths.filter((path) => base.files.get(path) !== files.get(path)).map((path) => path.split("/")[0]!))
}
