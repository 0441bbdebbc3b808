/**
 * The subtrees that a proof names, and their roots, computed from the leaves in one pass. The subtrees of a proof,
 * together with the part that it is about, are adjacent and cover the whole tree: they are its tiles.
 */
import * as Merkle from "./Merkle.ts"
import { invariant } from "../base/invariant.ts"

/** The leaves of one subtree: from `start` to before `end`. */
export interface Tile {
  readonly start: number
  readonly end: number
}

/**
 * Returns PATH(m, D_n), RFC 9162 section 2.1.3.1: the leaf at `ordinal`, and the siblings on its way up, the lowest
 * first.
 */
export const inclusionTiles = (
  records: number,
  ordinal: number
): { readonly leaf: Tile; readonly siblings: Array<Tile> } => {
  const siblings: Array<Tile> = []
  const leaf = descend(records, siblings, ({ start, end }, middle) =>
    end - start === 1 ? "stop" : ordinal < middle ? "left" : "right"
  )
  return { leaf, siblings: siblings.toReversed() }
}

/**
 * Returns PROOF(m, D_n), RFC 9162 section 2.1.4.1: the subtree that ends where the smaller tree does, and the siblings
 * on its way up, the lowest first. The RFC leaves the first one out if it is the smaller tree itself. If the smaller
 * tree is empty, there is one tile, the larger tree; if both are empty, there is no tile.
 */
export const consistencyTiles = (from: number, to: number): Array<Tile> => {
  if (to === 0) return []
  if (from === 0) return [{ start: 0, end: to }]
  const siblings: Array<Tile> = []
  const first = descend(to, siblings, ({ end }, middle) => (end === from ? "stop" : from <= middle ? "left" : "right"))
  return [first, ...siblings.toReversed()]
}

/** Descends from the root, and adds the subtrees that it passes to `siblings`. Returns the subtree where it stops. */
const descend = (
  records: number,
  siblings: Array<Tile>,
  turn: (at: Tile, middle: number) => "left" | "right" | "stop"
): Tile => {
  let [start, end] = [0, records]
  for (;;) {
    const middle = start + splitOf(end - start)
    const where = turn({ start, end }, middle)
    if (where === "stop") return { start, end }
    if (where === "left") {
      siblings.push({ start: middle, end })
      end = middle
    } else {
      siblings.push({ start, end: middle })
      start = middle
    }
  }
}

/**
 * Returns the RFC's k: the largest power of two smaller than `records`. By doubling, since logarithms round above 2^48.
 */
const splitOf = (records: number): number => {
  let k = 1
  while (k * 2 < records) k *= 2
  return k
}

/** Returns whether a whole number above 0 has exactly one bit set. */
export const isPowerOfTwo = (n: number): boolean => {
  let rest = n
  while (rest % 2 === 0) rest /= 2
  return rest === 1
}

/** Computes the roots of tiles that cover a tree from its leaves, in order. One root is in progress at any time. */
export class TileRoots {
  readonly #ends: ReadonlyArray<number>
  readonly #roots = new Map<number, string>()
  #tree = new Merkle.Accumulator()
  #leaves = 0

  constructor(tiles: ReadonlyArray<Tile>) {
    this.#ends = tiles.map((tile) => tile.end).toSorted((a, b) => a - b)
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    this.#expectMore()
    this.#tree.add(bytes, start, end)
    this.#count()
  }

  addLeafHash(leaf: string): void {
    this.#expectMore()
    this.#tree.addLeafHash(leaf)
    this.#count()
  }

  /** Returns the root of one of the tiles, once its leaves have been added. */
  rootOf(tile: Tile): string {
    const root = this.#roots.get(tile.end)
    invariant(root !== undefined, "a proof is finished after all of its leaves have been added")
    return root
  }

  #expectMore(): void {
    invariant(this.#roots.size < this.#ends.length, "a proof gets no more leaves than its tree has")
  }

  #count(): void {
    this.#leaves++
    if (this.#leaves !== this.#ends[this.#roots.size]) return
    this.#roots.set(this.#leaves, this.#tree.root())
    this.#tree = new Merkle.Accumulator()
  }
}
