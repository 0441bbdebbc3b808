/** Tapes as recovery finds them, made by any history, damaged in any way: what the plan of a recovery is checked with. */
import * as fc from "fast-check"
import type { LivePart } from "../../src/services/journal/DynamicFile.ts"
import { type Plan, planOf } from "../../src/services/maintenance/recover/Plan.ts"
import type { Found, GoodFile, Lost } from "../../src/services/maintenance/recover/FoundFiles.ts"

/** A batch that is an earlier one again, but for one record: which, and which of its records. */
type Like = readonly [batch: number, changed: number] | null

type Op =
  | { readonly _tag: "flush"; readonly records: number; readonly like?: Like }
  | { readonly _tag: "reopen" }
  | { readonly _tag: "repack"; readonly run: number; readonly each: number }

/** The last thing that happens: a repack that is interrupted, and how. */
interface End {
  readonly run: number
  readonly each: number
  /** Flushes while it runs. */
  readonly meanwhile: number
  readonly left: "some outputs" | "last inputs" | "any inputs"
  readonly choice: ReadonlyArray<boolean>
}

interface Case {
  readonly ops: ReadonlyArray<Op>
  readonly end: End | null
  /** Records that are in dynamic segments, from the end, and how many of them are in no file. */
  readonly dynamic: readonly [records: number, unflushed: number, like?: Like] | null
  readonly damage: ReadonlyArray<readonly [file: number, how: "damaged" | "gone"]>
  readonly countKnown: boolean
  readonly role: "records" | "events"
  /** Files whose hash something still says. */
  readonly proved?: ReadonlyArray<boolean>
}

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ _tag: fc.constant("flush" as const), records: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.constant({ _tag: "reopen" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant("repack" as const),
      run: fc.integer({ min: 1, max: 5 }),
      each: fc.integer({ min: 1, max: 8 })
    })
  }
)

const end: fc.Arbitrary<End> = fc.record({
  run: fc.integer({ min: 1, max: 5 }),
  each: fc.integer({ min: 1, max: 8 }),
  meanwhile: fc.nat(2),
  left: fc.constantFrom("some outputs" as const, "last inputs" as const, "any inputs" as const),
  choice: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 })
})

export const arbitrary = (damages: number): fc.Arbitrary<Case> =>
  fc.record({
    ops: fc.array(op, { minLength: 1, maxLength: 10 }),
    end: fc.option(end),
    dynamic: fc.option(fc.tuple(fc.nat(12), fc.nat(3))),
    damage: fc.array(fc.tuple(fc.nat(12), fc.constantFrom("damaged" as const, "gone" as const)), {
      maxLength: damages
    }),
    countKnown: fc.boolean(),
    role: fc.constantFrom("records" as const, "events" as const)
  })

const like: fc.Arbitrary<Like> = fc.option(fc.tuple(fc.nat(10), fc.nat(6)), { freq: 3 })

/** Cases in which batches are nearly like earlier ones. */
export const alike = (damages: number): fc.Arbitrary<Case> =>
  fc.record({
    ops: fc.array(
      fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({ _tag: fc.constant("flush" as const), records: fc.integer({ min: 1, max: 6 }), like })
        },
        { weight: 1, arbitrary: op }
      ),
      { minLength: 1, maxLength: 8 }
    ),
    end: fc.option(end, { freq: 1 }),
    dynamic: fc.tuple(fc.nat(12), fc.nat(6), like),
    damage: fc.array(fc.tuple(fc.nat(12), fc.constantFrom("damaged" as const, "gone" as const)), {
      maxLength: damages
    }),
    countKnown: fc.boolean(),
    role: fc.constant("records" as const),
    proved: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 })
  })

/** A file with the records `[from, to)`. */
export interface Slice {
  readonly number: number
  readonly from: number
  readonly to: number
}

/** The numbers and files that the real tape would have (decision 0021). */
class Model {
  listed: Array<Slice> = []
  records = 0
  /** One more than the ordinal of the first record that is the same. */
  readonly prints: Array<number> = []
  readonly #batches: Array<ReadonlyArray<number>> = []
  #reserved = 0
  #taken = 0

  #take(count: number): number {
    const first = Math.max((this.listed.at(-1)?.number ?? 0) + 1, this.#reserved)
    this.#reserved = first + count
    return first
  }

  /** Gives how many records it has appended. */
  append(records: number, like: Like = null): number {
    const before = like === null ? undefined : this.#batches[like[0] % Math.max(1, this.#batches.length)]
    const first = this.prints.length + 1
    const fresh = Array.from({ length: before?.length ?? records }, (_, index) => first + index)
    const changed = before === undefined ? -1 : like![1] % Math.max(1, before.length)
    const batch = fresh.map((print, index) => (before === undefined || index === changed ? print : before[index]!))
    if (batch.length > 0) this.#batches.push(batch)
    this.prints.push(...batch)
    return batch.length
  }

  flush(records: number, like?: Like): void {
    const added = this.append(records, like)
    this.listed.push({ number: this.#take(1), from: this.records, to: this.records + added })
    this.records += added
  }

  reopen(): void {
    this.#reserved = 0
  }

  /** The run and what it is made into; meta does not change yet. */
  write(count: number, each: number): { readonly run: Array<Slice>; readonly made: Array<Slice> } {
    const run = this.listed.slice(-count)
    if (run.length === 0) return { run, made: [] }
    const [from, to] = [run[0]!.from, run.at(-1)!.to]
    const outputs = Math.ceil((to - from) / each)
    if (this.#reserved === this.#taken) this.#reserved = 0
    const first = this.#take(3 + outputs + 3 + 1) + 3
    const made = Array.from({ length: outputs }, (_, index) => ({
      number: first + index,
      from: from + index * each,
      to: Math.min(to, from + (index + 1) * each)
    }))
    return { run, made }
  }

  replace(run: ReadonlyArray<Slice>, made: ReadonlyArray<Slice>): void {
    this.#taken = this.#reserved
    this.listed = [...this.listed.filter((slice) => !run.includes(slice)), ...made].toSorted(
      (a, b) => a.number - b.number
    )
  }
}

/** Listed files, leftovers, and what the last repack has removed. */
interface Files {
  readonly model: Model
  readonly left: ReadonlyArray<Slice>
  readonly removed: ReadonlyArray<Slice>
}

const filesOf = ({ ops, end }: Case): Files => {
  const model = new Model()
  for (const op of ops) {
    if (op._tag === "flush") model.flush(op.records, op.like)
    if (op._tag === "reopen") model.reopen()
    if (op._tag === "repack") {
      const { made, run } = model.write(op.run, op.each)
      model.replace(run, made)
    }
  }
  if (end === null) return { model, left: [], removed: [] }
  const { made, run } = model.write(end.run, end.each)
  for (let n = 0; n < end.meanwhile; n++) model.flush(2)
  const chosen = end.choice.indexOf(false) === -1 ? end.choice.length : end.choice.indexOf(false)
  if (end.left === "some outputs") return { model, left: made.slice(0, chosen), removed: [] }
  model.replace(run, made)
  const isLeft = (index: number) =>
    end.left === "last inputs" ? index >= run.length - chosen : end.choice[index % end.choice.length]!
  const left = run.filter((_, index) => isLeft(index))
  return { model, left, removed: run.filter((slice) => !left.includes(slice)) }
}

/** Prints of the records of a tape; where they repeat, `n` modulo `kinds`. */
export const printsOf = ({ from, to }: Slice, kinds: number) =>
  Float64Array.from({ length: to - from }, (_, index) => ((from + index) % kinds) + 1)

const goodFile = (slice: Slice, prints: Float64Array, isProved: boolean): GoodFile => ({
  name: `seg-${slice.number}`,
  number: slice.number,
  compression: "none",
  shardEvery: undefined,
  firstOrdinal: undefined,
  isProved,
  bytes: 1,
  rawBytes: 1,
  sha256: "",
  same: 0,
  prints,
  lastEvent: undefined
})

const lostFile = ({ from, number, to }: Slice, countKnown: boolean): Lost => ({
  number,
  isThere: true,
  known: undefined,
  file: { segment: `seg-${number}`, offset: 0, why: "damaged", records: countKnown ? to - from : undefined }
})

export interface Seen {
  /** Some records exist only in a leftover, which does not show where they stood. */
  readonly isOnlyCopy: boolean
  readonly plan: Plan | { readonly ambiguous: ReadonlyArray<string> }
  readonly all: ReadonlyArray<Slice>
  readonly damaged: ReadonlySet<Slice>
  readonly gone: ReadonlySet<Slice>
  readonly removed: ReadonlyArray<Slice>
  readonly total: number
  /** The first record that is in dynamic segments. */
  readonly inDynamic: number
  /** The index after the last of them that still exists. */
  readonly committedEnd: number
  /** Of all records, unless they repeat. */
  readonly prints: ReadonlyArray<number>
}

/** `cut`: how many of the last committed records are lost. */
export const plan = (one: Case, kinds?: number, cut = 0): Seen => {
  const { left, model, removed } = filesOf(one)
  const [held, most, like] = one.dynamic ?? [0, 0]
  const unflushed = model.append(most, most === 0 ? null : like)
  const prints = (slice: Slice) =>
    kinds === undefined ? Float64Array.from(model.prints.slice(slice.from, slice.to)) : printsOf(slice, kinds)
  const total = model.records + unflushed
  const committedEnd = total - cut
  const inDynamic = one.dynamic === null ? total : Math.max(0, model.records - held)
  const all = [...model.listed, ...left].toSorted((a, b) => a.number - b.number)
  const damaged = new Set<Slice>()
  const gone = new Set<Slice>()
  for (const [file, how] of one.damage) {
    const slice = all[file % Math.max(1, all.length)]
    if (slice !== undefined && !damaged.has(slice) && !gone.has(slice)) (how === "gone" ? gone : damaged).add(slice)
  }
  const there = all.filter((slice) => !gone.has(slice))
  const found: Found = {
    good: there
      .filter((slice) => !damaged.has(slice))
      .map((slice) => goodFile(slice, prints(slice), one.proved?.[slice.number % 5] ?? false)),
    lost: there.filter((slice) => damaged.has(slice)).map((slice) => lostFile(slice, one.countKnown)),
    highest: there.at(-1)?.number ?? 0,
    repacked: undefined,
    former: { losses: [], mayLack: false }
  }
  const part = { file: { dynamic: 1 } } as LivePart
  const committed =
    committedEnd <= inDynamic
      ? undefined
      : {
          parts: [part],
          prints: prints({ number: 0, from: inDynamic, to: committedEnd }),
          ordinal: inDynamic,
          isOwn: true
        }
  const isListed = (n: number) =>
    (n >= inDynamic && n < committedEnd) ||
    model.listed.some((slice) => !damaged.has(slice) && !gone.has(slice) && slice.from <= n && n < slice.to)
  const isOnlyCopy = left.some(({ from, to }) => {
    for (let n = from; n < to; n++) if (!isListed(n)) return true
    return false
  })
  const made = planOf(found, committed, one.role, true)
  return { plan: made, all, damaged, gone, removed, total, inDynamic, committedEnd, isOnlyCopy, prints: model.prints }
}

/** Ordinals of the records of the new tape. */
export const streamOf = (plan: Plan, all: ReadonlyArray<Slice>, inDynamic: number): Array<number> => [
  ...plan.files.flatMap(({ number }) => {
    const { from, to } = all.find((slice) => slice.number === number)!
    return Array.from({ length: to - from }, (_, index) => from + index)
  }),
  ...plan.tails.flatMap(([from, to]) => Array.from({ length: to - from }, (_, index) => inDynamic + from + index))
]
