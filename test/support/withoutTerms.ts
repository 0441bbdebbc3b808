/** Turns an index into one of an earlier release, which had no terms: to it, their sections are of unknown kinds. */
import { forgeAt } from "./forgeIndex.ts"

const table = { at: 80, row: 16, terms: 5 }

export const withoutTerms = (index: Uint8Array): Uint8Array => {
  const older = Uint8Array.from(index)
  for (const row of [table.terms, table.terms + 1]) {
    forgeAt(older, table.at + table.row * row, (bytes) => bytes.writeUInt32LE(1000 + row))
  }
  return older
}
