/** One input, tried: what it ended in, and what of that must not be. */
import { makeRandom } from "../random.ts"
import type { Base } from "./bases.ts"
import { exercise } from "./exercise.ts"
import { type Input, makeInput } from "./input.ts"
import { type Growth, startMeasuring } from "./memory.ts"

export interface Tried {
  readonly number: number
  readonly kind: string
  readonly outcome: string
  /** In words, with what was done to which lib. */
  readonly blames: ReadonlyArray<string>
  /** Time of the processor. */
  readonly millis: number
  /** By how much the process grew meanwhile. */
  readonly growth: Growth
}

/** What valid libs hold: by base and tape, the ids of all records. */
export type Truth = ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<string>>>

const MiB = 1024 * 1024

/** Inputs are of a few KiB; the largest frame that a lib of default limits may have is of 1 MiB. */
const grownBytesMax = 64 * MiB

/** Typical is a hundredth of it. */
const millisMax = 5000

/** Reads the valid libs themselves, in which nothing may be wrong. */
export const truthOf = async (bases: ReadonlyArray<Base>): Promise<Truth> => {
  const truth = new Map<string, ReadonlyMap<string, ReadonlyArray<string>>>()
  for (const { files, name } of bases) {
    const all = new Set([...files.keys()].map((path) => path.split("/")[0]!))
    const { blames, outcome, records } = await exercise(files, all, makeRandom(1))
    if (outcome !== "ok" || blames.length > 0) throw new Error(`${name} is ${outcome}: ${blames.join("\n")}`)
    truth.set(name, records)
  }
  return truth
}

export const tryInput = async (
  bases: ReadonlyArray<Base>,
  truth: Truth,
  seed: number,
  number: number
): Promise<Tried> => {
  // Errors are what most inputs end in: where each of them comes from is asked of those alone that are blamed.
  Error.stackTraceLimit = 0
  let first = await once(bases, truth, seed, number)
  Error.stackTraceLimit = 12
  if (first.blames.length > 0) {
    const again = await once(bases, truth, seed, number)
    if (again.blames.length > 0) first = again
  }
  // A collection of garbage that is due looks like growth: it is not due again and again.
  let { growth } = first
  for (let again = 0; again < 3 && isTooMuch(growth); again++) {
    const next = (await once(bases, truth, seed, number)).growth
    if (bytesOf(next) < bytesOf(growth)) growth = next
  }
  const blames = [...first.blames]
  if (isTooMuch(growth)) blames.push(`memory grew by ${Math.round(bytesOf(growth) / MiB)} MiB`)
  if (first.millis > millisMax) blames.push(`took ${Math.round(first.millis)} ms of the processor`)
  const { input, millis, outcome } = first
  const said = blames.map((blame) => `${input.base.name}, ${input.said}: ${blame}`)
  return { number, kind: input.kind, outcome, blames: said, millis, growth }
}

/** What is not known is no less than what is. */
const bytesOf = (growth: Growth): number => ("bytes" in growth ? growth.bytes : Number.POSITIVE_INFINITY)

const isTooMuch = (growth: Growth): boolean => "bytes" in growth && growth.bytes > grownBytesMax

const once = async (bases: ReadonlyArray<Base>, truth: Truth, seed: number, number: number) => {
  const input = makeInput(bases, seed, number)
  const grown = startMeasuring()
  const began = process.cpuUsage()
  const findings = await exercise(input.files, input.touched, input.random)
  const used = process.cpuUsage(began)
  const blames = [...findings.blames, ...strangers(truth, input, findings.records)]
  const millis = (used.user + used.system) / 1000
  return { input, outcome: findings.outcome, blames, millis, growth: grown() }
}

/** Where no hash was made to fit, nothing is read but what was written, from its beginning on. */
const strangers = (truth: Truth, input: Input, records: ReadonlyMap<string, ReadonlyArray<string>>): Array<string> => {
  if (!input.isTruthful) return []
  const blames: Array<string> = []
  for (const [tape, ids] of records) {
    const known = truth.get(input.base.name)?.get(tape)
    const at = ids.findIndex((id, index) => id !== known?.[index])
    if (at !== -1) blames.push(`${tape} gave a record ${at} that was never written there`)
  }
  return blames
}
