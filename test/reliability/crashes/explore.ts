/**
 * Crashes at every point of a run, and during what follows a crash.
 */
import { hash } from "node:crypto"
import * as DiskState from "../../../src/testing/DiskState.ts"
import { powerLosses } from "../../../src/testing/PowerLoss.ts"
import { describeStep } from "../../../src/testing/SimulatedDisk.ts"
import { makeRandom, type Random, seedOf } from "../random.ts"
import { check, type Checked, type Ending, type Looks } from "./check.ts"
import type { Point } from "./run.ts"
import { isPrivate, simulate } from "./session.ts"
import { type Expectation, textOfExpectation } from "./world.ts"

export interface Plan {
  /** Most images of a power loss at one point, if it has more than `lossesWhole` outcomes. */
  readonly lossesMax: number
  /** All outcomes of a power loss at a point are tried if there are at most this many. Default: `lossesMax`. */
  readonly lossesWhole?: number
  /** One image in this many is crashed again during its recovery; 0: none. */
  readonly nestedEvery: number
  /** How deep crashes during a recovery are nested. */
  readonly depth: number
  /** Number of images of each run, at points in random order. Default: all, in order. */
  readonly sample?: number
  /** Crash only at the ends of runs and before steps of these kinds. Default: before all. */
  readonly before?: ReadonlyArray<string>
}

export interface Found {
  points: number
  /** Points at which every outcome of a power loss was tried, and not a sample. */
  whole: number
  /** Images that were opened. */
  images: number
  /** Opened images that were then appended to and opened once more. */
  appended: number
  /** Number of openings; an image is opened several times. */
  opens: number
  /** Images that were equal to one already checked with the same expectation. */
  repeated: number
  nested: number
}

/** A broken promise: what is wrong, and where. */
export interface Violation {
  readonly why: string
  /** The steps up to the crash and the files of the image, after those of earlier crashes. */
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

/** Fails if a program takes longer than `limit` milliseconds: it must hang. */
export const withWatchdog = async <A>(program: Promise<A>, limit = 120_000): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const bite = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: no result after ${limit} ms`)), limit)
  })
  try {
    return await Promise.race([program, bite])
  } finally {
    clearTimeout(timer)
  }
}

/** One of these is picked at random: endings that find more for their cost come more often. */
const endings: ReadonlyArray<Ending> = ["power", "kill", "blind", "power", "close", "power", "lost", "kill"]

export class Explorer {
  readonly found: Found = { points: 0, whole: 0, images: 0, appended: 0, opens: 0, repeated: 0, nested: 0 }
  readonly #plan: Plan
  readonly #seed: number
  readonly #seen: Set<number>
  readonly #seedOfLooks: number

  /**
   * Images in `seen` are not opened again, and those of this explorer are added to it. That does not change the others:
   * which images a point has depends on one number of `random` and the point, what is done with an image on
   * `seedOfLooks` and the image.
   */
  constructor(plan: Plan, random: Random, seen: Set<number> = new Set(), seedOfLooks = 1) {
    this.#plan = plan
    this.#seed = random.below(2 ** 32)
    this.#seen = seen
    this.#seedOfLooks = seedOfLooks
  }

  /** Crashes a run at each of its points. */
  async explore(
    points: ReadonlyArray<Point>,
    above: ReadonlyArray<string> = [],
    depth = this.#plan.depth,
    seed = this.#seed
  ): Promise<void> {
    const { sample = Number.POSITIVE_INFINITY } = this.#plan
    const last = this.found.images + sample
    for (const [index, point] of this.#inOrder(points, seed)) {
      if (this.found.images >= last) return
      this.found.points += 1
      for (const image of this.#images(point, points[index + 1], makeRandom(seedOf(seed, index)))) {
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
        await this.#check(image.state, point, trace, depth, seedOf(this.#seedOfLooks, key, key / 2 ** 32))
      }
    }
  }

  #inOrder(points: ReadonlyArray<Point>, seed: number): Array<readonly [number, Point]> {
    const { before, sample } = this.#plan
    const order = [...points.entries()].filter(
      ([, { step }]) => before === undefined || step === undefined || before.includes(step.operation)
    )
    if (sample === undefined) return order
    const random = makeRandom(seed)
    return order
      .map((one) => [random.next(), one] as const)
      .toSorted(([a], [b]) => a - b)
      .map(([, one]) => one)
  }

  async #check(
    state: DiskState.DiskState,
    { expectation }: Point,
    trace: () => ReadonlyArray<string>,
    depth: number,
    seed: number
  ) {
    this.found.images += 1
    const random = makeRandom(seed)
    const ending = random.pick(endings)
    const looks = looksOf(random.below(4), seed)
    const isNested = this.#plan.nestedEvery > 0 && random.below(this.#plan.nestedEvery) === 0
    let checked: Checked
    try {
      checked = await withWatchdog(simulate(check(state, expectation, ending, looks), random))
    } catch (cause) {
      const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : JSON.stringify(cause)
      throw new ViolationFound({ why, trace: [...trace(), ...listing(state)] })
    }
    this.found.opens += checked.opens
    if (checked.appended > 0) this.found.appended += 1
    if (depth === 0 || !isNested) return
    const before = this.found.images
    const above = [...trace(), ...listing(state), "      then:"]
    await this.explore(checked.points, above, depth - 1, random.below(2 ** 32))
    this.found.nested += this.found.images - before
  }

  *#images(
    point: Point,
    next: Point | undefined,
    random: Random
  ): Generator<{ state: DiskState.DiskState; how: string }> {
    const { state } = point
    yield { state: DiskState.kill(state), how: "killed" }
    if (point.step?.operation === "write" && next !== undefined) {
      const torn = tornWrite(state, next.state, random)
      if (torn !== undefined) yield { state: torn, how: "killed half-way" }
    }
    const { lossesMax, lossesWhole = lossesMax } = this.#plan
    const losses = powerLosses(state, {
      limit: lossesMax,
      whole: lossesWhole,
      random: random.next,
      isWhole: isPrivate
    })
    let one = losses.next()
    for (; one.done !== true; one = losses.next()) yield { state: one.value, how: "power lost" }
    if (one.value) this.found.whole += 1
  }
}

/** Looks at more on one image in four, so that most of the time is left for more images. */
const looksOf = (quarter: number, seed: number): Looks => {
  if (quarter !== 0) return {}
  return { isVerified: true, isBackedUp: true, isQueried: seed % 2 === 0, isRaced: seed % 4 === 0 }
}

/** Returns `before` with a part of the write that turned it into `after`. */
const tornWrite = (
  before: DiskState.DiskState,
  after: DiskState.DiskState,
  random: Random
): DiskState.DiskState | undefined => {
  for (const [inode, node] of after.nodes) {
    const was = before.nodes.get(inode)
    if (node.kind !== "file" || was?.kind !== "file" || node.pending.length <= was.pending.length) continue
    const { bytes, position } = node.pending.at(-1)!
    return DiskState.write(before, inode, position, bytes.subarray(0, random.below(bytes.length)))
  }
  return undefined
}

/** Returns 48 bits of a hash. Among ten million images two may collide; one of these is then skipped. */
const keyOf = (state: DiskState.DiskState, { expectation }: Point): number => {
  const key = `${DiskState.fingerprint(state)} ${keyOfExpectation(expectation)}`
  return hash("sha1", key, "buffer").readUIntBE(0, 6)
}

const expectationKeys = new WeakMap<Expectation, string>()

const keyOfExpectation = (expectation: Expectation): string => {
  let key = expectationKeys.get(expectation)
  if (key === undefined) {
    key = textOfExpectation(expectation)
    expectationKeys.set(expectation, key)
  }
  return key
}

const listing = (state: DiskState.DiskState): ReadonlyArray<string> =>
  [...DiskState.contents(state)].map(
    ([path, bytes]) => `      | ${path}${bytes === undefined ? "/" : ` ${bytes.length}`}`
  )
