/** RFC 9162 section 2.1 to the letter, recursive and slow, for comparison with the real implementation. */
import { createHash } from "node:crypto"

/** The tree's leaves from `start` to before `end`, computed only as far as needed. */
export interface Leaves {
  readonly count: number
  /** Returns the MTH of a run of leaves that is a whole subtree. */
  readonly root: (start: number, end: number) => string
}

const sha256 = (...parts: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}

const leafOf = (record: Uint8Array): string => sha256(Buffer.of(0), record)

const node = (left: string, right: string): string =>
  sha256(Buffer.of(1), Buffer.from(left, "hex"), Buffer.from(right, "hex"))

/** Returns the largest power of two smaller than `n`. */
const split = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Returns the leaves of given records. */
export const leavesOf = (records: ReadonlyArray<Uint8Array>): Leaves => {
  const known = new Map<string, string>()
  const root = (start: number, end: number): string => {
    const key = `${start}-${end}`
    const found = known.get(key) ?? make(start, end)
    known.set(key, found)
    return found
  }
  const make = (start: number, end: number): string => {
    if (end === start) return sha256()
    if (end - start === 1) return leafOf(records[start]!)
    const middle = start + split(end - start)
    return node(root(start, middle), root(middle, end))
  }
  return { count: records.length, root }
}

/** Returns a tree of any size whose records are all the same, except for those in `others`. */
export const sparseLeaves = (count: number, same: Uint8Array, others: ReadonlyMap<number, Uint8Array>): Leaves => {
  const known = new Map<number, string>()
  const uniform = (size: number): string => {
    const found =
      known.get(size) ?? (size === 1 ? leafOf(same) : node(uniform(split(size)), uniform(size - split(size))))
    known.set(size, found)
    return found
  }
  const ordinals = [...others.keys()]
  const root = (start: number, end: number): string => {
    if (end === start) return sha256()
    if (!ordinals.some((ordinal) => start <= ordinal && ordinal < end)) return uniform(end - start)
    if (end - start === 1) return leafOf(others.get(start)!)
    const middle = start + split(end - start)
    return node(root(start, middle), root(middle, end))
  }
  return { count, root }
}

/** PATH(m, D_n), section 2.1.3.1. */
export const path = (leaves: Leaves, m: number, n = leaves.count): Array<string> => {
  const within = (start: number, end: number): Array<string> => {
    if (end - start === 1) return []
    const middle = start + split(end - start)
    return m < middle
      ? [...within(start, middle), leaves.root(middle, end)]
      : [...within(middle, end), leaves.root(start, middle)]
  }
  return within(0, n)
}

/** PROOF(m, D_n), section 2.1.4.1. */
export const proof = (leaves: Leaves, m: number, n = leaves.count): Array<string> => {
  const subproof = (start: number, end: number, b: boolean): Array<string> => {
    if (m === end) return b ? [] : [leaves.root(start, end)]
    const middle = start + split(end - start)
    return m <= middle
      ? [...subproof(start, middle, b), leaves.root(middle, end)]
      : [...subproof(middle, end, false), leaves.root(start, middle)]
  }
  return m === 0 ? [] : subproof(0, n, true)
}

/** Returns whether `hashes` has the form of PATH(m, D_n) and leads from the record to the root: PATH read backwards. */
export const proves = (
  record: Uint8Array,
  m: number,
  n: number,
  root: string,
  hashes: ReadonlyArray<string>
): boolean => {
  if (m >= n) return false
  const rest = [...hashes]
  const rootOf = (m: number, n: number): string | undefined => {
    if (n === 1) return leafOf(record)
    const k = split(n)
    const inner = m < k ? rootOf(m, k) : rootOf(m - k, n - k)
    const sibling = rest.shift()
    if (inner === undefined || sibling === undefined) return undefined
    return m < k ? node(inner, sibling) : node(sibling, inner)
  }
  return rootOf(m, n) === root && rest.length === 0
}

/** Returns whether `hashes` has the form of PROOF(m, D_n) and leads to both roots: PROOF read backwards. */
export const provesGrowth = (
  from: { readonly records: number; readonly root: string },
  to: { readonly records: number; readonly root: string },
  hashes: ReadonlyArray<string>
): boolean => {
  if (from.records > to.records) return false
  if (from.records === 0)
    return hashes.length === 0 && from.root === sha256() && (to.records > 0 || to.root === from.root)
  const rest = [...hashes]
  const rootsOf = (m: number, n: number, b: boolean): { readonly old: string; readonly now: string } | undefined => {
    if (m === n) {
      const same = b ? from.root : rest.shift()
      return same === undefined ? undefined : { old: same, now: same }
    }
    const k = split(n)
    const inner = m <= k ? rootsOf(m, k, b) : rootsOf(m - k, n - k, false)
    const sibling = rest.shift()
    if (inner === undefined || sibling === undefined) return undefined
    if (m <= k) return { old: inner.old, now: node(inner.now, sibling) }
    return { old: node(sibling, inner.old), now: node(sibling, inner.now) }
  }
  const roots = rootsOf(from.records, to.records, true)
  return roots?.old === from.root && roots.now === to.root && rest.length === 0
}
