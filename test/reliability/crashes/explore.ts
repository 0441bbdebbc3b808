/**
 * Crashes at every point of a run, and within what follows a crash.
 */
import { hash } from "node:crypto"
import * as DiskState from "../../../src/testing/DiskState.ts"
import { powerLosses } from "../../../src/testing/PowerLoss.ts"
import { describeStep } from "../../../src/testing/SimulatedDisk.ts"
import type { Random } from "../random.ts"
import { check, type Ending } from "./check.ts"
import type { Point } from "./run.ts"
import { simulate } from "./session.ts"
import { type Expectation, textOf } from "./world.ts"

export interface Plan {
  /** Most images of a power loss at one point; where there are not more, all are tried. */
  readonly lossesMax: number
  /** Of so many images one is crashed again within its recovery; 0 is none. */
  readonly nestedEvery: number
  /** The same within that: how deep. */
  readonly depth: number
  /** So many images of each run, at points in an order of their own; default: all, in order. */
  readonly sample?: number
  /** Of so many images one is written to and opened again; the others are opened and read. Default: most of them. */
  readonly fullEvery?: number
  /** Only at the ends of runs and before steps of these kinds; default: before all. */
  readonly before?: ReadonlyArray<string>
}

export interface Found {
  points: number
  images: number
  /** Images that were equal to one that was checked already, with the same expectation. */
  repeated: number
  nested: number
}

/** What went wrong, and where. */
export interface Violation {
  readonly why: string
  /** The steps up to the crash, the image, and those of crashes before it. */
  readonly trace: ReadonlyArray<string>
}

/** Stops an exploration at the first violation. */
export class ViolationFound extends Error {
  readonly violation: Violation

  constructor(violation: Violation) {
    super(violation.why)
    this.violation = violation
  }
}

/** Fails when a program takes so long that it must hang. Time, in milliseconds. */
export const withWatchdog = async <A>(program: Promise<A>, limit = 120_000): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const bite = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: nothing came of it for ${limit} ms`)), limit)
  })
  try {
    return await Promise.race([program, bite])
  } finally {
    clearTimeout(timer)
  }
}

const endings: ReadonlyArray<Ending> = ["none", "power", "blind", "kill", "none", "power", "lost", "close"]

export class Explorer {
  readonly found: Found = { points: 0, images: 0, repeated: 0, nested: 0 }
  readonly #plan: Plan
  readonly #random: Random
  readonly #seen: Set<number>

  /** Images in `seen` are not opened again, and those of this explorer are added to it. */
  constructor(plan: Plan, random: Random, seen: Set<number> = new Set()) {
    this.#plan = plan
    this.#random = random
    this.#seen = seen
  }

  /** Crashes a run at all of its points. */
  async explore(points: ReadonlyArray<Point>, above: ReadonlyArray<string> = [], depth = this.#plan.depth) {
    const { sample = Number.POSITIVE_INFINITY } = this.#plan
    const last = this.found.images + sample
    for (const [index, point] of this.#inOrder(points)) {
      if (this.found.images >= last) return
      this.found.points += 1
      for (const image of this.#images(point, points[index + 1])) {
        const key = keyOf(image.state, point)
        if (this.#seen.has(key)) {
          this.found.repeated += 1
          continue
        }
        this.#seen.add(key)
        const trace = (): ReadonlyArray<string> => [
          ...above,
          ...points
            .slice(Math.max(0, index - 30), index)
            .flatMap(({ step }) => (step === undefined ? [] : [describeStep(step)])),
          `      ${image.how} before ${point.step === undefined ? "the end" : describeStep(point.step).trim()}`
        ]
        await this.#check(image.state, point, trace, depth)
      }
    }
  }

  #inOrder(points: ReadonlyArray<Point>): Array<readonly [number, Point]> {
    const { before, sample } = this.#plan
    const order = [...points.entries()].filter(
      ([, { step }]) => before === undefined || step === undefined || before.includes(step.operation)
    )
    if (sample === undefined) return order
    return order
      .map((one) => [this.#random.next(), one] as const)
      .toSorted(([a], [b]) => a - b)
      .map(([, one]) => one)
  }

  async #check(state: DiskState.DiskState, point: Point, trace: () => ReadonlyArray<string>, depth: number) {
    this.found.images += 1
    const { fullEvery = 1 } = this.#plan
    const ending = this.#random.below(fullEvery) === 0 ? this.#random.pick(endings) : "none"
    const isVerified = this.#random.below(4) === 0
    let points: ReadonlyArray<Point>
    try {
      points = (await withWatchdog(simulate(check(state, point.expectation, ending, isVerified), this.#random))).points
    } catch (cause) {
      const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : JSON.stringify(cause)
      throw new ViolationFound({ why, trace: [...trace(), ...listing(state)] })
    }
    const { nestedEvery } = this.#plan
    if (depth === 0 || nestedEvery === 0 || this.#random.below(nestedEvery) !== 0) return
    const before = this.found.images
    await this.explore(points, [...trace(), ...listing(state), "      and after that:"], depth - 1)
    this.found.nested += this.found.images - before
  }

  *#images(point: Point, next: Point | undefined): Generator<{ state: DiskState.DiskState; how: string }> {
    const { state } = point
    yield { state: DiskState.kill(state), how: "killed" }
    if (point.step?.operation === "write" && next !== undefined) {
      const torn = this.#tornWrite(state, next.state)
      if (torn !== undefined) yield { state: torn, how: "killed half-way" }
    }
    for (const lost of powerLosses(state, { limit: this.#plan.lossesMax, random: this.#random.next })) {
      yield { state: lost, how: "power lost" }
    }
  }

  /** The state with a part of the write that made `after` of it. */
  #tornWrite(before: DiskState.DiskState, after: DiskState.DiskState): DiskState.DiskState | undefined {
    for (const [inode, node] of after.nodes) {
      const was = before.nodes.get(inode)
      if (node.kind !== "file" || was?.kind !== "file" || node.pending.length <= was.pending.length) continue
      const { bytes, position } = node.pending.at(-1)!
      return DiskState.write(before, inode, position, bytes.subarray(0, this.#random.below(bytes.length)))
    }
    return undefined
  }
}

/** 48 bits of a hash: two in ten million images may share one, so that one of them is left out. */
const keyOf = (state: DiskState.DiskState, { expectation }: Point): number => {
  const key = `${DiskState.fingerprint(state)} ${keyOfExpectation(expectation)}`
  return hash("sha1", key, "buffer").readUIntBE(0, 6)
}

const expectationKeys = new WeakMap<Expectation, string>()

const keyOfExpectation = (expectation: Expectation): string => {
  let key = expectationKeys.get(expectation)
  if (key === undefined) {
    key = `${expectation.allowed.map(textOf).join(";")} ${[...expectation.lost].join()}`
    expectationKeys.set(expectation, key)
  }
  return key
}

const listing = (state: DiskState.DiskState): ReadonlyArray<string> =>
  [...DiskState.contents(state)].map(
    ([path, bytes]) => `      | ${path}${bytes === undefined ? "/" : ` ${bytes.length}`}`
  )
