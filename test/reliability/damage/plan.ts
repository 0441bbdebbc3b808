/** The damages of a target, and the way in which each is tried. */
import { makeRandom, type Random, seedOf } from "../random.ts"
import { classOf, coarseDamages, type Damage, type FileClass, flip, several } from "./damages.ts"
import type { Plan } from "./sizes.ts"
import type { Target } from "./states.ts"

/**
 * `reader`, `writer`: the lib is opened for reading or for writing, and all records are read. `standing`: the damage
 * happens under an open lib. `all`: the lib is opened for reading and for writing, everything is read forwards and
 * backwards and verified; then the writer appends, and the lib is read once more.
 */
export type Way = "reader" | "writer" | "standing" | "all"

export interface Try {
  readonly damage: Damage
  readonly way: Way
  /** Only open the lib and see its last batch: another bit of the same byte is tried with all reads. */
  readonly isBrief?: boolean
}

/** Yields everything that is tried with a target, always in the same order. */
export function* triesOf(target: Target, seed: number, plan: Plan): Generator<Try> {
  const random = makeRandom(seedOf(seed, hashOf(target.name)))
  const coarse = coarseDamages(target.image, (path) => !target.isBare || isOwn(path))
  yield* bitTries(target, plan, random)
  for (const damage of coarse) {
    if (target.isBare && damage.kind === "cut" && random.below(plan.everyBare) > 0) continue
    yield { damage, way: plan.isThorough && damage.kind !== "cut" ? "all" : wayOf(damage) }
  }
  const any = () => anyDamage(target, coarse, random)
  for (let n = 0; n < plan.all; n++) yield { damage: any(), way: "all" }
  for (let n = 0; n < plan.several; n++) {
    const damages = [any(), any(), ...(random.below(2) === 0 ? [] : [any()])]
    yield { damage: several(damages), way: "all" }
  }
}

/** Returns random damages for real files. */
export const realDamages = (target: Target, seed: number, count: number): Array<Damage> => {
  const random = makeRandom(seedOf(seed, hashOf(target.name), 1))
  const coarse = coarseDamages(target.image, () => true)
  return Array.from({ length: count }, () => anyDamage(target, coarse, random))
}

/** Returns a random damage: flipped bits as often as all others together. */
const anyDamage = ({ image }: Target, coarse: ReadonlyArray<Damage>, random: Random): Damage => {
  if (random.below(2) === 0) {
    const rest = coarse.filter(({ kind }) => kind !== "cut")
    return random.pick(random.below(4) === 0 || rest.length === 0 ? coarse : rest)
  }
  const path = random.pick([...image.keys()].filter((one) => image.get(one)!.length > 0))
  return flip(path, random.below(8 * image.get(path)!.length))
}

/** Returns whether a file matters differently without a hint and without indexes. */
const isOwn = (path: string): boolean => ["lib meta", "segment", "dynamic"].includes(classOf(path))

const everyBit = ({ isBare, likeOthers }: Target, file: FileClass, plan: Plan): number => {
  if (file === "index") return plan.everyIndex
  if (isBare) return plan.everyBare
  return likeOthers && (file === "lib meta" || file === "dynamic") ? plan.everyLikeOthers : 1
}

function* bitTries(target: Target, plan: Plan, random: Random): Generator<Try> {
  const { image, isBare } = target
  for (const [path, bytes] of image) {
    const file = classOf(path)
    if (isBare && !isOwn(path)) continue
    const every = everyBit(target, file, plan)
    for (let bit = random.below(every); bit < 8 * bytes.length; bit += every) {
      const damage = flip(path, bit)
      const isBrief = !plan.isThorough && bit % 8 !== (bit >>> 3) % 8
      yield { damage, way: isBare && file === "segment" ? "all" : wayOf(damage), isBrief }
    }
  }
}

const wayOf = ({ kind, path }: Damage): Way => {
  if (kind === "flip" && classOf(path) === "hint") return "reader"

  const inPlace = kind === "flip" || kind === "cut" || kind === "zeros"
  return inPlace && ["tape meta", "segment"].includes(classOf(path)) ? "standing" : "writer"
}

const hashOf = (text: string): number => [...text].reduce((hash, letter) => seedOf(hash, letter.charCodeAt(0)), 0)
