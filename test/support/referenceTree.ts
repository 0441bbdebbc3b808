/** The test tree of Certificate Transparency (RFC 6962, whose trees and proofs RFC 9162 keeps). */
import * as Proof from "../../src/domain/merkle/Proof.ts"
import { leavesOf } from "./rfc9162.ts"

export const inputs = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f"
].map((hex) => Buffer.from(hex, "hex"))
const tree = leavesOf(inputs)
export const tape = "0190c3a4-0000-7000-8000-000000000001"
export const other = "0190c3a4-0000-7000-8000-000000000002"

export const referenceHead = (records: number): Proof.Head => ({ records, root: tree.root(0, records), tape })

/** Returns the inclusion proof that is built from these records. */
export const builtInclusion = (records: ReadonlyArray<Uint8Array>, ordinal: number): Proof.InclusionProof => {
  const builder = new Proof.InclusionBuilder(records.length, ordinal)
  for (const record of records) builder.add(record)
  return builder.finish(tape)
}

/** Returns the consistency proof that is built from the first `to` inputs. */
export const builtConsistency = (from: number, to: number): Proof.ConsistencyProof => {
  const builder = new Proof.ConsistencyBuilder(from, to)
  for (const input of inputs.slice(0, to)) builder.add(input)
  return builder.finish(tape)
}

/** Nodes of the tree, named after the leaves below them. */
export const h0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
export const h1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
export const h4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
export const h01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
export const h23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
export const h45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
export const h67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
export const h0123 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
export const h4567 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
