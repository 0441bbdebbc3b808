/**
 * The types in the field tables of docs/FORMAT.md, as values that they accept and values that they reject, so that
 * tests can compare the documented types with the code.
 *
 * ```
 * field := type [", not empty"] [", may be absent"]
 * type  := one (" or " one)*
 * one   := word | "text" | "{" key ": " type, … "}" | "[" type, … "]" | "[" type "…]"
 * ```
 */
import { isDeepStrictEqual } from "node:util"

export interface Samples {
  readonly good: ReadonlyArray<unknown>
  readonly bad: ReadonlyArray<unknown>
}

export interface DocumentedField extends Samples {
  readonly name: string
  readonly optional: boolean
}

const hash = "0123456789abcdef".repeat(4)

const hashes: Samples = { good: [hash], bad: [hash.toUpperCase(), hash.slice(1), `${hash}0`, 5, null] }

const words: { readonly [word: string]: Samples } = {
  count: { good: [0, 7], bad: [-1, 1.5, "1", null] },
  number: { good: [1, 7], bad: [0, -1, 1.5, "1", null] },
  hex: hashes,
  hash53: { good: ["0123456789abcd"], bad: ["0123456789abc", "0123456789ABCD", "0123456789abcde", 5, null] },
  seal: hashes,
  uuid: {
    good: ["019b7ca9-8f2e-7000-8000-00000000000a"],
    bad: ["019B7CA9-8F2E-7000-8000-00000000000A", "019b7ca98f2e7000800000000000000a", "", null]
  },
  time: { good: ["2026-01-02T03:04:05.678Z"], bad: ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678+00:00", 5, null] },
  consumer: { good: ["mail_2-b", "0"], bad: ["Mail", "-a", "", "a".repeat(65), "a b", 5, null] },
  text: { good: ["a text"], bad: [5, null, ["a text"]] },
  link: { good: [`sha256:${hash}`, null], bad: [hash, `sha256:${hash.slice(1)}`, "", 5] },
  true: { good: [true], bad: [false, 1, "true"] },
  null: { good: [null], bad: ["null"] },
  "any JSON": { good: [null, 1.5, "", [{ a: [] }]], bad: [] }
}

const anchor = "{batch: count, hash: hex, position: count}"

/**
 * Returns the fields of a record's table, from the section whose heading begins with the type; `undefined` without such
 * a section.
 */
export const documentedFields = (text: string, type: string): ReadonlyArray<DocumentedField> | undefined => {
  const section = new RegExp(`^### ${type.replace(".", "\\.")}\\b[^]*?(?=^#)`, "m").exec(text)?.[0]
  return section === undefined
    ? undefined
    : [...section.matchAll(/^\| `(\w+)` *\|([^|]*)\|/gm)].map(([, name, cell]) => parseField(name!, cell!))
}

const parseField = (name: string, cell: string): DocumentedField => {
  const [, type, notEmpty, optional] = /^(.*?)(, not empty)?(, may be absent)?$/.exec(cell.replaceAll("`", "").trim())!
  const samples = new Parser(type!).whole()
  const isEmpty = (value: unknown) => value === "" || (Array.isArray(value) && value.length === 0)
  return {
    name,
    optional: optional !== undefined,
    good: notEmpty === undefined ? samples.good : samples.good.filter((value) => !isEmpty(value)),
    bad: notEmpty === undefined ? samples.bad : [...samples.bad, ...samples.good.map((value) => emptyOf(value))]
  }
}

const emptyOf = (value: unknown): unknown => (Array.isArray(value) ? [] : "")

class Parser {
  #rest: string

  constructor(text: string) {
    this.#rest = text
  }

  whole(): Samples {
    const samples = this.#type()
    if (this.#rest !== "") throw new Error(`not understood: ${JSON.stringify(this.#rest)}`)
    return samples
  }

  #take(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#rest)
    if (found?.index !== 0) return undefined
    this.#rest = this.#rest.slice(found[0].length)
    return found[1] ?? found[0]
  }

  #type(): Samples {
    const all = [this.#one()]
    while (this.#take(/ or /) !== undefined) all.push(this.#one())
    const good = all.flatMap((one) => one.good)
    const isGood = (value: unknown) => good.some((known) => isDeepStrictEqual(known, value))
    return { good, bad: all.flatMap((one) => one.bad).filter((value) => !isGood(value)) }
  }

  #one(): Samples {
    const literal = this.#take(/"([\w-]+)"/)
    if (literal !== undefined) return { good: [literal], bad: [`${literal}x`, "", null] }
    if (this.#take(/\{/) !== undefined) return this.#object()
    if (this.#take(/\[/) !== undefined) return this.#array()
    const word = this.#take(/any JSON|\w+/)
    if (word === "anchor") return new Parser(anchor).whole()
    const samples = word === undefined ? undefined : words[word]
    if (samples === undefined) throw new Error(`no type: ${JSON.stringify(word ?? this.#rest)}`)
    return samples
  }

  #object(): Samples {
    const fields: Array<readonly [key: string, value: Samples]> = []
    do {
      const key = this.#take(/(\w+): /)
      if (key === undefined) throw new Error(`no key: ${this.#rest}`)
      fields.push([key, this.#type()])
    } while (this.#take(/, /) !== undefined)
    if (this.#take(/\}/) === undefined) throw new Error(`no end of an object: ${this.#rest}`)
    return objectSamples(fields)
  }

  #array(): Samples {
    const items = [this.#type()]
    if (this.#take(/…\]/) !== undefined) {
      const { good, bad } = items[0]!
      return { good: [[], [...good], [good[0], good[0]]], bad: [...bad.map((value) => [good[0], value]), "x", null] }
    }
    while (this.#take(/, /) !== undefined) items.push(this.#type())
    if (this.#take(/\]/) === undefined) throw new Error(`no end of an array: ${this.#rest}`)
    const first = items.map((item) => item.good[0])
    const others = items.flatMap((item, at) => item.bad.map((value) => first.with(at, value)))
    return { good: [first], bad: [...others, first.slice(1), [...first, first[0]], null] }
  }
}

/** Objects with a value of each kind in each field; and with a wrong one, without a field, and with one too many. */
const objectSamples = (fields: ReadonlyArray<readonly [key: string, value: Samples]>): Samples => {
  const first = Object.fromEntries(fields.map(([key, value]) => [key, value.good[0]]))
  const good: Array<unknown> = [first]
  const bad: Array<unknown> = [{ ...first, more: 1 }, null, "x"]
  for (const [key, value] of fields) {
    for (const other of value.good.slice(1)) good.push({ ...first, [key]: other })
    for (const wrong of value.bad) bad.push({ ...first, [key]: wrong })
    const { [key]: _, ...without } = first
    bad.push(without)
  }
  return { good, bad }
}
