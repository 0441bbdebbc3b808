/** JSON that no writer would write: printed without checks, and changed in one place. */
import type { Random } from "../random.ts"

/** A value that `JSON.parse` returns, or a literal number in a form that no double prints as. */
export type Value = unknown
export type Fields = { [key: string]: Value }

export const isFields = (value: Value): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isRaw(value)

/** Makes a literal that is printed verbatim. */
const raw = (literal: string): Value => new Raw(literal)

class Raw {
  readonly literal: string
  constructor(literal: string) {
    this.literal = literal
  }
}

const isRaw = (value: Value): value is Raw => value instanceof Raw

/** Prints JSON in canonical form without any check, even if the value cannot be canonical. */
export const print = (value: Value): string => {
  if (isRaw(value)) return value.literal
  if (Array.isArray(value)) return `[${value.map(print).join(",")}]`
  if (!isFields(value)) return JSON.stringify(value) ?? "null"
  const keys = Object.keys(value).toSorted()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${print(value[key])}`).join(",")}}`
}

const numbers: ReadonlyArray<Value> = [
  0,
  -1,
  0.5,
  -0.5,
  2 ** 16,
  2 ** 20 + 1,
  10_000_000,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e21,
  1e308,
  5e-324,
  ...["1e400", "-0", "1.0", "9007199254740993", "00", "NaN"].map(raw)
]

const uuid = "019b7ca9-8f2e-7000-8000-0000ffffffff"

const strings: ReadonlyArray<string> = [
  "",
  "..",
  ".",
  "../alpha",
  "/etc/passwd",
  "alpha/../beta",
  "a\\b",
  "a\0b",
  "con",
  "CON",
  "Alpha",
  "alpha.",
  "-a",
  "litelib.lock",
  "litelib.meta.jsonl",
  "a.tmp",
  "a.aside-1",
  "index",
  "tape.meta.jsonl",
  "%2e%2e",
  "e\u0301",
  "x".repeat(101),
  "x".repeat(70_000),
  "\ud800",
  "\uffff",
  "__proto__",
  "constructor",
  "toString",
  "gzip",
  "zstd",
  "none",
  "lz4",
  "closed",
  "open",
  "events",
  "records",
  "archived",
  "seg-000001.jsonl",
  "seg-000001.jsonl.gz",
  "../seg-000001.jsonl",
  "shard-0000/seg-000001.jsonl",
  "seg-9007199254740991.jsonl",
  "LiteTape.Foo",
  "LiteTape.Meta",
  "LiteTape.Segment",
  "LiteTape.Repack",
  "LiteTape.Same",
  "LiteLib.Meta",
  "LiteLib.Tape",
  "LiteLib.Epoch",
  "LiteLib.Dynamic",
  "LiteLib.Closed",
  "LiteLib.Clean",
  "LiteLib.Commit",
  uuid,
  "0".repeat(64),
  "f".repeat(64),
  `sha256:${"0".repeat(64)}`,
  "2026-13-45T99:99:99.999Z",
  "2026-01-02T03:04:05.678Z"
]

const nested = (depth: number): Value => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`)

const others: ReadonlyArray<() => Value> = [
  () => null,
  () => true,
  () => false,
  () => [],
  () => ({}),
  () => ({ kind: "created" }),
  () => ({ kind: "stream" }),
  () => ({ kind: "hashed", tapes: 1e9 }),
  () => ({ kind: "future" }),
  () => [[], {}],
  () => [1, 2 ** 53],
  () => [["", -1, 0.5]],
  () => nested(127),
  () => nested(200),
  () => nested(1500),
  () => Array.from({ length: 3000 }, (_, n) => n),
  () => Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, n])),
  () => JSON.parse('{"__proto__":{"polluted":true}}') as Value,
  () => ({ constructor: { prototype: 1 } })
]

/** Returns a random value of any kind. */
export const anyValue = (random: Random): Value => {
  switch (random.below(3)) {
    case 0:
      return random.pick(numbers)
    case 1:
      return random.pick(strings)
    default:
      return random.pick(others)()
  }
}

/** Returns another value to replace this one, mostly of its kind and mostly close to it. */
const changed = (random: Random, value: Value): Value => {
  if (random.next() < 0.12) return anyValue(random)
  if (typeof value === "number") {
    if (random.next() < 0.5) return random.pick(numbers)
    return random.next() < 0.5 ? value + random.pick([-1, 1, 2, -2, 10]) : value * random.pick([-1, 2, 10, 1000])
  }
  if (typeof value === "string") return random.next() < 0.7 ? random.pick(strings) : nearText(random, value)
  if (Array.isArray(value)) return nearArray(random, value as Array<Value>)
  if (typeof value === "boolean") return !value
  return anyValue(random)
}

const nearText = (random: Random, text: string): string => {
  const at = random.below(text.length)
  const unit = random.pick(["0", "f", "a", "-", ".", "/", "Z", "\u00e4", ""])
  return text.slice(0, at) + unit + text.slice(at + random.below(2))
}

const nearArray = (random: Random, array: Array<Value>): Value => {
  const at = random.below(array.length)
  switch (random.below(4)) {
    case 0:
      return array.toSpliced(at, 1)
    case 1:
      return array.toSpliced(at, 0, array[random.below(array.length)])
    case 2:
      return array.toReversed()
    default:
      return array.length === 0 ? [anyValue(random)] : array.with(at, changed(random, array[at]))
  }
}

/** Returns every place within a value, as the keys that lead there. */
const placesIn = (value: Value, path: ReadonlyArray<string> = []): Array<ReadonlyArray<string>> => {
  if (typeof value !== "object" || value === null || isRaw(value)) return [path]
  const inner = Object.keys(value).flatMap((key) => placesIn((value as Fields)[key], [...path, key]))
  return path.length === 0 ? inner : [path, ...inner]
}

/** Changes one place of `fields` and returns a description. Keys in `skip` stay unchanged. */
export const changeOne = (random: Random, fields: Fields, skip: ReadonlySet<string> = new Set()): string => {
  const what = random.next()
  if (what < 0.08) {
    const key = random.pick([
      "extra",
      "__proto__",
      "constructor",
      "nextNumber",
      "same",
      "shardEvery",
      "replaces",
      "removed"
    ])
    const value = anyValue(random)
    Object.defineProperty(fields, key, { value, enumerable: true, configurable: true, writable: true })
    return `${key} added`
  }
  const places = placesIn(fields).filter(([first]) => first !== undefined && !skip.has(first))
  if (places.length === 0) return "nothing"
  const path = random.pick(places)
  let parent = fields
  for (const key of path.slice(0, -1)) parent = parent[key] as Fields
  const last = path.at(-1)!
  const said = path.join(".")
  if (what < 0.2) {
    if (Array.isArray(parent)) parent.splice(Number(last), 1)
    else delete parent[last]
    return `${said} removed`
  }
  parent[last] = changed(random, parent[last])
  return `${said} = ${print(parent[last]).slice(0, 60)}`
}
