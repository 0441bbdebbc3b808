/** Tries one input and returns how it ended, with all broken promises. */
import { makeRandom } from "../random.ts"
import type { Base } from "./bases.ts"
import { exercise } from "./exercise.ts"
import { type Input, makeInput } from "./input.ts"
import { type Growth, startMeasuring } from "./memory.ts"

export interface Tried {
  readonly number: number
  readonly kind: string
  readonly outcome: string
  /** Broken promises, in words, each with the lib and its changes. */
  readonly blames: ReadonlyArray<string>
  /** CPU time. */
  readonly millis: number
  /** Growth of the process meanwhile. */
  readonly growth: Growth
}

/** Contents of the valid libs: the ids of all records, by base and tape. */
export type Truth = ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<string>>>

const MiB = 1024 * 1024

/** Inputs have a few KiB; the largest frame that a lib with default limits may have holds 1 MiB. */
const grownBytesMax = 64 * MiB

/** A typical input takes a hundredth of this. */
const millisMax = 5000

/** Reads the valid libs. Throws if anything is wrong with one. */
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
  // Most inputs end with an error, so stack traces are recorded only in a second try of inputs that break a promise.
  Error.stackTraceLimit = 0
  let first = await once(bases, truth, seed, number)
  Error.stackTraceLimit = 12
  if (first.blames.length > 0) {
    const again = await once(bases, truth, seed, number)
    if (again.blames.length > 0) first = again
  }
  // A delayed garbage collection looks like growth, but does not recur each time.
  let { growth } = first
  for (let again = 0; again < 3 && isTooMuch(growth); again++) {
    const next = (await once(bases, truth, seed, number)).growth
    if (bytesOf(next) < bytesOf(growth)) growth = next
  }
  const blames = [...first.blames]
  if (isTooMuch(growth)) blames.push(`memory grew by ${Math.round(bytesOf(growth) / MiB)} MiB`)
  if (first.millis > millisMax) blames.push(`took ${Math.round(first.millis)} ms of CPU time`)
  const { input, millis, outcome } = first
  const said = blames.map((blame) => `${input.base.name}, ${input.said}: ${blame}`)
  return { number, kind: input.kind, outcome, blames: said, millis, growth }
}

/** Returns the growth in bytes; an unknown one counts as infinite. */
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

/** Checks that an input without recomputed hashes returns only records that were written, from the first one on. */
const strangers = (truth: Truth, input: Input, records: ReadonlyMap<string, ReadonlyArray<string>>): Array<string> => {
  if (!input.isTruthful) return []
  const blames: Array<string> = []
  for (const [tape, ids] of records) {
    const known = truth.get(input.base.name)?.get(tape)
    const at = ids.findIndex((id, index) => id !== known?.[index])
    if (at !== -1) blames.push(`${tape} returned a record ${at} that was never written there`)
  }
  return blames
}
