/**
 * Proofs about a tape that can be checked without the tape: that a record is at an ordinal (inclusion, RFC 9162 section
 * 2.1.3), and that a tape only grew between two heads (consistency, section 2.1.4).
 *
 * A **head** describes a tape at one moment: its id, its number of records, its root. Keep heads where nobody who can
 * write the tape can write. A proof is worth as much as the heads in it: compare them with those that you kept
 * (`sameHead`) before you check it. Only the head vouches for the number of records: RFC 9162 roots do not contain it,
 * and some proofs fit trees of several sizes.
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
import * as Shape from "../base/Shape.ts"
import { reader } from "../base/readShape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { types } from "node:util"
import { consistencyTiles, inclusionTiles, isPowerOfTwo, type Tile, TileRoots } from "./merkleTiles.ts"
import { invariant } from "../base/invariant.ts"
import { defaultLimits, type Limits } from "../format/Limits.ts"
import { Count, Hash, Head } from "./headForm.ts"
import * as Merkle from "./Merkle.ts"
import * as TaraSON from "../json/TaraSON.ts"

export { decodeHead, encodeHead, Head, HeadInvalid, HeadMismatch, isHead, sameHead } from "./Head.ts"

/** More hashes than any honest proof has: two for each level of a tree of 2^64 leaves. */
const hashesMax = 2 * 64
const Hashes = Shape.Array(Hash).check(Shape.isMaxLength(hashesMax))

/**
 * Proves that a record is at `ordinal` in the tape of `head`: the path from its leaf to the root, the lowest hash
 * first.
 */
export const InclusionProof = Shape.Struct({ hashes: Hashes, head: Head, ordinal: Count })
export type InclusionProof = typeof InclusionProof.Type

/** Proves that the tape of `to` begins with all the records of `from`: it grew, and no record in it changed. */
export const ConsistencyProof = Shape.Struct({ from: Head, hashes: Hashes, to: Head })
export type ConsistencyProof = typeof ConsistencyProof.Type

/** The tape has no record at this ordinal, within the part of it that the call is about. */
export class RecordNotFound extends TaggedError<RecordNotFound>("litetapes/RecordNotFound")("RecordNotFound", {
  tape: Shape.String,
  ordinal: Shape.Number,
  /** Number of records in that part, from the beginning of the tape. */
  records: Shape.Int
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} has no record at ordinal ${this.ordinal} among its first ${this.records}. Ordinals are whole numbers from 0 to below that number.`
  }
}

/**
 * Returns whether `record` is at `proof.ordinal` among the records of `proof.head`: RFC 9162 section 2.1.3.2.
 *
 * `record` is the record itself, or its canonical bytes. A record is encoded within `limits`: pass those of the tape's
 * lib unless it has the defaults. Never throws: a malformed proof proves nothing, and a value that is not a record is
 * nowhere.
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
 * Returns whether the tape of `proof.to` begins with the records of `proof.from`: RFC 9162 section 2.1.4.2. In cases
 * that the RFC leaves out, an empty tree is a prefix of every tree, and trees of equal size must have equal roots.
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

/**
 * The common part of both builders: they take the leaves of the whole tree, in order, once, and keep one hash per
 * level.
 */
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

  /** Returns the roots of `tiles`, once all leaves have been added. */
  protected rootsOf(tiles: ReadonlyArray<Tile>): Array<string> {
    return tiles.map((tile) => this.#tiles.rootOf(tile))
  }
}

/** Builds the proof that a record is in a tree: PATH of RFC 9162 section 2.1.3.1. */
export class InclusionBuilder extends Builder {
  readonly #records: number
  readonly #ordinal: number
  readonly #leaf: Tile
  readonly #siblings: ReadonlyArray<Tile>

  /** Starts a proof for the leaf at `ordinal` of the first `records` leaves; exactly these must then be added. */
  constructor(records: number, ordinal: number) {
    invariant(
      isCount(records) && isCount(ordinal) && ordinal < records,
      "an inclusion proof is for a record of its tree"
    )
    const { leaf, siblings } = inclusionTiles(records, ordinal)
    super([leaf, ...siblings])
    this.#records = records
    this.#ordinal = ordinal
    this.#leaf = leaf
    this.#siblings = siblings
  }

  /** Returns the proof, for the tape with this id. */
  finish(tape: string): InclusionProof {
    const [leaf] = this.rootsOf([this.#leaf])
    const hashes = this.rootsOf(this.#siblings)
    const end = climb(leaf!, this.#ordinal, this.#records - 1, hashes)
    invariant(end !== undefined, "a path that was built leads to the root")
    return { hashes, head: { records: this.#records, root: end.whole, tape }, ordinal: this.#ordinal }
  }
}

/** Builds the proof that a tree began as a smaller one: PROOF of RFC 9162 section 2.1.4.1, and both roots. */
export class ConsistencyBuilder extends Builder {
  readonly #from: number
  readonly #to: number
  readonly #tiles: ReadonlyArray<Tile>

  /**
   * Starts a proof from the tree of the first `from` leaves to that of the first `to`; exactly `to` leaves must be
   * added.
   */
  constructor(from: number, to: number) {
    invariant(isCount(from) && isCount(to) && from <= to, "a tree grows from a smaller size to a larger one")
    const tiles = consistencyTiles(from, to)
    super(tiles)
    this.#from = from
    this.#to = to
    this.#tiles = tiles
  }

  /** Returns the proof, for the tape with this id. */
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
    // The checker knows the old root, so the proof omits it if it is the root of a tile.
    return made(roots.left, roots.whole, isPowerOfTwo(from) ? hashes.slice(1) : hashes)
  }
}

const parseInclusion = reader(InclusionProof)
const parseConsistency = reader(ConsistencyProof)

const emptyRoot = Merkle.root(Merkle.empty)

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/**
 * Returns `false` if `check` throws: a malformed proof or record may have accessors, be a proxy, or be refused by
 * TaraSON.
 */
const falseIfThrown = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

interface Roots {
  /** Root of the tree that ends with the subtree from which the path starts. */
  readonly left: string
  readonly whole: string
}

/**
 * Returns the two roots that a consistency path leads to, its first hash included: RFC 9162 section 2.1.4.2, steps 3 to
 * 6.
 */
const rootsAlong = (from: number, to: number, path: ReadonlyArray<string>): Roots | undefined => {
  const [first, ...siblings] = path
  if (first === undefined) return undefined
  let [at, last] = [from - 1, to - 1]
  for (; at % 2 === 1; at = half(at)) last = half(last)
  return climb(first, at, last, siblings)
}

/**
 * Climbs to the root from node `at` of a level whose last node is `last`. Returns `undefined` if there are more or
 * fewer siblings than levels with one on the way. In the RFC `at` is fn, `last` sn, `left` fr, and `whole` r or sr.
 */
const climb = (start: string, at: number, last: number, siblings: ReadonlyArray<string>): Roots | undefined => {
  let left = start
  let whole = start
  for (const sibling of siblings) {
    if (last === 0) return undefined
    if (at % 2 === 1 || at === last) {
      left = Merkle.nodeHash(sibling, left)
      whole = Merkle.nodeHash(sibling, whole)
      // A last node without a sibling moves up one level unchanged.
      for (; at % 2 === 0 && at !== 0; at /= 2) last = half(last)
    } else {
      whole = Merkle.nodeHash(whole, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 ? { left, whole } : undefined
}

// Without shifting: sizes exceed 32 bits.
const half = (n: number): number => Math.floor(n / 2)
