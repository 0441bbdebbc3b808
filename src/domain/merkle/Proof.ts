/**
 * Proofs about a tape that can be checked without it: that a record stands at an ordinal (inclusion, RFC 9162 section
 * 2.1.3), and that a tape only grew between two heads (consistency, section 2.1.4).
 *
 * A **head** says what a tape was at one moment: its id, its number of records, its root. Keep heads where nobody who can
 * write the tape can write. A proof is worth as much as the heads in it: compare them with those that you keep
 * (`sameHead`) before you check it. The number of records in particular is vouched for by the head alone: RFC 9162 roots
 * do not contain it, and some proofs fit trees of several sizes.
 *
 * Everything here is synchronous and pure. Proofs are plain values; as JSON they survive any channel.
 *
 * @example
 * ```ts
 * import * as Proof from "litetapes/Proof"
 *
 * const kept = Proof.decodeHead(text)
 * const proved = Proof.sameHead(proof.head, kept) && Proof.checkInclusion(record, proof)
 * ```
 *
 * @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3
 * @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { types } from "node:util"
import { consistencyTiles, inclusionTiles, isPowerOfTwo, type Tile, TileRoots } from "./merkleTiles.ts"
import { invariant } from "../base/invariant.ts"
import { defaultLimits, type Limits } from "../format/Limits.ts"
import * as Merkle from "./Merkle.ts"
import { shortened } from "../json/describeError.ts"
import * as TaraSON from "../json/TaraSON.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Hash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
const Uuid = Schema.String.check(Schema.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/))

/** More than any honest proof has: two for each level of a tree of 2^64 leaves. */
const hashesMax = 2 * 64
const Hashes = Schema.Array(Hash).check(Schema.isMaxLength(hashesMax))

/** What a tape was at one moment: its id, how many records it had, and the RFC 9162 root over them. */
export const Head = Schema.Struct({ records: Count, root: Hash, tape: Uuid })
export type Head = typeof Head.Type

/** That a record stands at `ordinal` in the tape of `head`: the path from its leaf to the root, the lowest hash first. */
export const InclusionProof = Schema.Struct({ hashes: Hashes, head: Head, ordinal: Count })
export type InclusionProof = typeof InclusionProof.Type

/** That the tape of `to` begins with all the records of `from`: it grew, and nothing in it changed. */
export const ConsistencyProof = Schema.Struct({ from: Head, hashes: Hashes, to: Head })
export type ConsistencyProof = typeof ConsistencyProof.Type

/** A text is no head. Keep heads as `encodeHead` gives them. */
export class HeadInvalid extends Schema.TaggedError<HeadInvalid>("litetapes/HeadInvalid")("HeadInvalid", {
  why: Schema.String
}) {
  override get message() {
    return `this is not a head: ${this.why}: keep heads as encodeHead gives them`
  }
}

/** There is no record at that ordinal, within the part of the tape that was asked about. */
export class RecordNotFound extends Schema.TaggedError<RecordNotFound>("litetapes/RecordNotFound")("RecordNotFound", {
  tape: Schema.String,
  ordinal: Schema.Number,
  /** How many records that part has, from the tape's beginning. */
  records: Schema.Int
}) {
  override get message() {
    return `no record at ordinal ${this.ordinal} among the first ${this.records} of tape ${JSON.stringify(this.tape)}: ordinals begin at 0`
  }
}

/**
 * The tape is not what a head says that it was: another tape, one that has lost records, or one whose records are not the
 * same. Its files were replaced, put back or rewritten: restore them from a copy that the head fits.
 */
export class HeadMismatch extends Schema.TaggedError<HeadMismatch>("litetapes/HeadMismatch")("HeadMismatch", {
  /** Name of the tape. */
  tape: Schema.String,
  expected: Head,
  /** The tape as it is. `root` is that of its first `records` records; null where the rest says enough. */
  found: Schema.Struct({ records: Count, root: Schema.NullOr(Hash), tape: Uuid })
}) {
  override get message() {
    const { expected, found } = this
    const name = JSON.stringify(this.tape)
    if (found.tape !== expected.tape) {
      return `tape ${name} is ${found.tape}, the expected head is of ${expected.tape}: open that tape, or take a new head`
    }
    if (found.records < expected.records) {
      return `tape ${name} has ${found.records} records, the expected head has ${expected.records}: restore it from a copy that has them`
    }
    return `the first ${expected.records} records of tape ${name} have the root ${found.root}, the expected head has ${expected.root}: they were changed, restore them from a copy`
  }
}

/** The canonical JSON text of a head, on one line, to be kept elsewhere. */
export const encodeHead = ({ records, root, tape }: Head): string => TaraSON.encodeValue({ records, root, tape })

/**
 * The head that a text says, whatever its spacing and the order of its keys.
 *
 * @throws HeadInvalid
 */
export const decodeHead = (text: string): Head => {
  let value: unknown
  try {
    value = TaraSON.parse(TaraSON.toBytes(text))
  } catch (error) {
    throw new HeadInvalid({ why: error instanceof Error ? error.message : "unreadable" })
  }
  const head = parseHead(value)
  if (Result.isFailure(head)) throw new HeadInvalid({ why: shortened(head.failure.message) })
  return head.success
}

/** Whether two heads say the same. */
export const sameHead = (a: Head, b: Head): boolean => a.tape === b.tape && a.records === b.records && a.root === b.root

/**
 * Whether `record` stands at `proof.ordinal` among the records of `proof.head`: RFC 9162 section 2.1.3.2.
 *
 * `record` is its canonical bytes, or the record itself, which is encoded within `limits` (those of the tape's lib, where
 * they are not the default). Never throws: a malformed proof proves nothing, and what is no record stands nowhere.
 */
export const checkInclusion = (record: unknown, proof: InclusionProof, limits: Limits = defaultLimits): boolean =>
  falseIfThrown(() => {
    const decoded = parseInclusion(proof)
    if (Result.isFailure(decoded)) return false
    const { hashes, head, ordinal } = decoded.success
    if (ordinal >= head.records) return false
    const bytes = types.isUint8Array(record) ? record : TaraSON.toBytes(TaraSON.encode(record, limits))
    return climb(Merkle.leafHash(bytes), ordinal, head.records - 1, hashes)?.whole === head.root
  })

/**
 * Whether the tape of `proof.to` begins with the records of `proof.from`: RFC 9162 section 2.1.4.2, and for what that
 * leaves out: nothing is a prefix of everything, and equal sizes have equal roots.
 *
 * Never throws: a malformed proof proves nothing.
 */
export const checkConsistency = (proof: ConsistencyProof): boolean =>
  falseIfThrown(() => {
    const decoded = parseConsistency(proof)
    if (Result.isFailure(decoded)) return false
    const { from, hashes, to } = decoded.success
    if (from.tape !== to.tape || from.records > to.records) return false
    if (from.records === 0 && from.root !== emptyRoot) return false
    if (from.records === to.records) return hashes.length === 0 && from.root === to.root
    if (from.records === 0) return hashes.length === 0
    const roots = rootsAlong(from.records, to.records, isPowerOfTwo(from.records) ? [from.root, ...hashes] : hashes)
    return roots !== undefined && roots.left === from.root && roots.whole === to.root
  })

/** What both builders do: they are given the leaves of the whole tree, in order, once. Memory: a hash for each level. */
class Builder {
  readonly #tiles: TileRoots

  constructor(tiles: ReadonlyArray<Tile>) {
    this.#tiles = new TileRoots(tiles)
  }

  /** Adds the record whose canonical bytes are `bytes[start, end)`. The bytes are not kept. */
  add(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#tiles.add(bytes, start, end)
  }

  /** Adds a leaf by its hash (`Merkle.leafHash`). */
  addLeafHash(leaf: string): void {
    this.#tiles.addLeafHash(leaf)
  }

  /** The roots of `tiles`, once all leaves have been added. */
  protected rootsOf(tiles: ReadonlyArray<Tile>): Array<string> {
    return tiles.map((tile) => this.#tiles.rootOf(tile))
  }
}

/** Makes the proof that a record is in a tree: PATH of RFC 9162 section 2.1.3.1. */
export class InclusionBuilder extends Builder {
  readonly #records: number
  readonly #ordinal: number
  readonly #leaf: Tile
  readonly #siblings: ReadonlyArray<Tile>

  /** For the leaf at `ordinal` of the first `records`; that many leaves must be added. */
  constructor(records: number, ordinal: number) {
    invariant(isCount(records) && isCount(ordinal) && ordinal < records, "a proof is for a record within its tree")
    const { leaf, siblings } = inclusionTiles(records, ordinal)
    super([leaf, ...siblings])
    this.#records = records
    this.#ordinal = ordinal
    this.#leaf = leaf
    this.#siblings = siblings
  }

  /** The proof, for the tape of that id. */
  finish(tape: string): InclusionProof {
    const [leaf] = this.rootsOf([this.#leaf])
    const hashes = this.rootsOf(this.#siblings)
    const end = climb(leaf!, this.#ordinal, this.#records - 1, hashes)
    invariant(end !== undefined, "a path that was built leads to the root")
    return { hashes, head: { records: this.#records, root: end.whole, tape }, ordinal: this.#ordinal }
  }
}

/** Makes the proof that a tree began as a smaller one: PROOF of RFC 9162 section 2.1.4.1, and both roots. */
export class ConsistencyBuilder extends Builder {
  readonly #from: number
  readonly #to: number
  readonly #tiles: ReadonlyArray<Tile>

  /** From the tree of the first `from` leaves to that of the first `to`; `to` leaves must be added. */
  constructor(from: number, to: number) {
    invariant(isCount(from) && isCount(to) && from <= to, "a tree grows from a smaller size to a larger one")
    const tiles = consistencyTiles(from, to)
    super(tiles)
    this.#from = from
    this.#to = to
    this.#tiles = tiles
  }

  /** The proof, for the tape of that id. */
  finish(tape: string): ConsistencyProof {
    const [from, to] = [this.#from, this.#to]
    const hashes = this.rootsOf(this.#tiles)
    const made = (left: string, whole: string, hashes: ReadonlyArray<string>) => ({
      from: { records: from, root: left, tape },
      hashes,
      to: { records: to, root: whole, tape }
    })
    if (from === 0) return made(emptyRoot, hashes[0] ?? emptyRoot, [])
    if (from === to) return made(hashes[0]!, hashes[0]!, [])
    const roots = rootsAlong(from, to, hashes)
    invariant(roots !== undefined, "a path that was built leads to both roots")
    // Whoever checks knows the old root, so where that is a tile the proof goes without it.
    return made(roots.left, roots.whole, isPowerOfTwo(from) ? hashes.slice(1) : hashes)
  }
}

const parseHead = Schema.decodeUnknownResult(Head, { onExcessProperty: "error" })
const parseInclusion = Schema.decodeUnknownResult(InclusionProof)
const parseConsistency = Schema.decodeUnknownResult(ConsistencyProof)

const emptyRoot = Merkle.root(Merkle.empty)

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** What is no proof, or no record, may throw on the way: an accessor, a proxy, a value that TaraSON refuses. */
const falseIfThrown = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

interface Roots {
  /** Of the tree that ends with the subtree from which the path starts. */
  readonly left: string
  readonly whole: string
}

/** The two roots that a consistency path leads to, its first hash included: RFC 9162 section 2.1.4.2, steps 3 to 6. */
const rootsAlong = (from: number, to: number, path: ReadonlyArray<string>): Roots | undefined => {
  const [first, ...siblings] = path
  if (first === undefined) return undefined
  let [at, last] = [from - 1, to - 1]
  for (; at % 2 === 1; at = half(at)) last = half(last)
  return climb(first, at, last, siblings)
}

/**
 * Climbs from node `at` of a level whose last node is `last`, to the root. `undefined` where there are more siblings, or
 * fewer, than the way has levels with one. In the RFC `at` is fn, `last` sn, `left` fr, and `whole` r or sr.
 */
const climb = (start: string, at: number, last: number, siblings: ReadonlyArray<string>): Roots | undefined => {
  let left = start
  let whole = start
  for (const sibling of siblings) {
    if (last === 0) return undefined
    if (at % 2 === 1 || at === last) {
      left = Merkle.nodeHash(sibling, left)
      whole = Merkle.nodeHash(sibling, whole)
      // A last node without a sibling stands for itself one level up.
      for (; at % 2 === 0 && at !== 0; at /= 2) last = half(last)
    } else {
      whole = Merkle.nodeHash(whole, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 ? { left, whole } : undefined
}

// Not by shifting: sizes go beyond 32 bits.
const half = (n: number): number => Math.floor(n / 2)
