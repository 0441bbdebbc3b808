/** Names of tapes and streams, valid ones and refused ones. */
import type * as fc from "fast-check"
import { encodeTapeName } from "../../../domain/format/Names.ts"
import type { FastCheck } from "./types.ts"
import type { Texts } from "./values.ts"

// oxfmt-ignore
const stumbles = [
  ".", "-", "%", "%-", "%2e", "con", "AUX", "nul", "com", "lpt", "1", "litelib.", ".tmp", ".aside-", "aside-",
  "A", "a", "é", "e\u0301", "Å", "\u212b", "ß", "/", "\\", " ", "\u0000", "🦊", "x".repeat(31), "é".repeat(17)
]

// oxfmt-ignore
const notNames = [
  "", ".", "..", "...", "-", "-a", ".a", "a.", "con", "con.txt", "nul", "com1", "lpt9", "AUX", "litelib.", "litelib.meta.jsonl",
  "a.tmp", "a.aside-1", "a/b", "../a", "/a", "a\\b", "a\u0000", "a b", "é", "e\u0301", "A", "%61", "%", "%zz", "%2E", "a%",
  "\ud800", "%c3%28", "a\n"
]

export interface Names {
  readonly nameText: fc.Arbitrary<string>
  readonly tapeName: fc.Arbitrary<string>
  readonly refusedTapeName: fc.Arbitrary<string>
  readonly streamName: fc.Arbitrary<string>
  readonly refusedStreamName: fc.Arbitrary<string>
}

const isStream = (name: string): boolean => name !== "" && Buffer.byteLength(name) <= 512 && !/\p{Cc}/u.test(name)

export const namesOf = (fc: FastCheck, { text, illFormedText }: Texts): Names => {
  const nameText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(fc.constantFrom(...stumbles), { maxLength: 8 }).map((parts) => parts.join(""))
  )
  const tapeName = nameText.map(encodeTapeName)
  const spoiled = fc.tuple(
    tapeName,
    fc.constantFrom<(name: string) => string>(
      (name: string) => `${name}.tmp`,
      (name: string) => `litelib.${name}`,
      (name: string) => `${name}.`,
      (name: string) => `.${name}`,
      (name: string) => `${name}/${name}`,
      (name: string) => `${name}\u00e9`,
      (name: string) => `${name}A`,
      (name: string) => name.padEnd(101, "x")
    )
  )
  return {
    nameText,
    tapeName,
    refusedTapeName: fc.oneof(
      fc.constantFrom(...notNames),
      spoiled.map(([name, spoil]) => spoil(name))
    ),
    streamName: fc.oneof(
      text.filter(isStream),
      fc
        .tuple(text, text)
        .map((parts) => parts.join("-"))
        .filter(isStream),
      fc.constantFrom("order-17", "order", "-", "-1", "a-b-c", "é-1", "e\u0301-1", "x".repeat(512))
    ),
    refusedStreamName: fc.oneof(
      illFormedText,
      fc.constantFrom("", "a\n", "\u0000", "\u007f", "\u0085"),
      fc.integer({ min: 513, max: 2000 }).map((length) => "x".repeat(length)),
      fc.integer({ min: 257, max: 2000 }).map((length) => "é".repeat(length))
    )
  }
}
