/** Heads and proofs of a tape of 400 records as RFC 9162 defines them, and changes of these. */
import * as fc from "fast-check"
import * as Merkle from "../../src/domain/merkle/Merkle.ts"
import type * as Proof from "../../src/domain/merkle/Proof.ts"
import { tape } from "./referenceTree.ts"
import * as Rfc from "./rfc9162.ts"

export const recordAt = (ordinal: number) => Buffer.from(`{"n":${ordinal}}`)
export const sizeMax = 130
export const records = Array.from({ length: 400 }, (_, n) => recordAt(n))
const tree = Rfc.leavesOf(records)
export const leaves = records.map((record) => Merkle.leafHash(record))

export const headOf = (size: number, of: Rfc.Leaves = tree): Proof.Head => ({
  records: size,
  root: of.root(0, size),
  tape
})

export const inclusionOf = (ordinal: number, size: number, of: Rfc.Leaves = tree): Proof.InclusionProof => ({
  hashes: Rfc.path(of, ordinal, size),
  head: headOf(size, of),
  ordinal
})

export const consistencyOf = (from: number, to: number, of: Rfc.Leaves = tree): Proof.ConsistencyProof => ({
  from: headOf(from, of),
  hashes: Rfc.proof(of, from, to),
  to: headOf(to, of)
})

export const someHash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"))

export const flipped = (hash: string, bit: number): string => {
  const bytes = Buffer.from(hash, "hex")
  bytes[bit >>> 3]! ^= 1 << (bit & 7)
  return bytes.toString("hex")
}

type Change = (hashes: ReadonlyArray<string>) => ReadonlyArray<string>
const index = (at: number, hashes: ReadonlyArray<string>) => at % Math.max(1, hashes.length)
/** Generates a change of the hashes of a proof, never an identity. */
export const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(255)).map(
    ([at, bit]): Change =>
      (hashes) =>
        hashes.length === 0 ? [] : hashes.with(index(at, hashes), flipped(hashes[index(at, hashes)]!, bit))
  ),
  fc.nat().map(
    (at): Change =>
      (hashes) =>
        hashes.toSpliced(index(at, hashes), 1)
  ),
  fc.tuple(fc.nat(), someHash).map(
    ([at, hash]): Change =>
      (hashes) =>
        hashes.toSpliced(at % (hashes.length + 1), 0, hash)
  ),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([at, from]): Change =>
      (hashes) =>
        hashes.toSpliced(at % (hashes.length + 1), 0, hashes[index(from, hashes)] ?? leaves[0]!)
  ),
  fc.tuple(fc.nat(), fc.nat()).map(([a, b]): Change => (hashes) => {
    const [i, j] = [index(a, hashes), index(b, hashes)]
    return hashes.length < 2 ? [] : hashes.with(i, hashes[j]!).with(j, hashes[i]!)
  }),
  fc.constant<Change>((hashes) => hashes.toReversed()),
  fc.array(someHash, { maxLength: 60 }).map(
    (hashes): Change =>
      () =>
        hashes
  ),
  fc.nat(130).map(
    (length): Change =>
      () =>
        Array.from({ length }, () => leaves[0]!)
  )
)

export const same = (a: ReadonlyArray<string>, b: ReadonlyArray<string>) => a.join() === b.join()
