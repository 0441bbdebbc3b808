import { assert, describe, it } from "@effect/vitest"
import { type Entry, flatten, parseLines, render, unflatten } from "../../../../src/domain/json/FlatView.ts"
import { TaraSONError } from "../../../../src/domain/json/TaraSONError.ts"

const refusal = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (!(error instanceof TaraSONError)) throw error
    const detail = error.reason._tag === "NotAFlatView" ? `: ${error.reason.detail}` : ""
    return `${error.reason._tag} at ${error.pointer}${detail}`
  }
  return assert.fail("accepted")
}

describe("a flat view", () => {
  const record = { user: { id: 5, "a/b": { "m~n": [] } }, tags: ["x", {}], "": null }
  const entries: ReadonlyArray<Entry> = [
    ["", {}],
    ["/", null],
    ["/tags", []],
    ["/tags/0", "x"],
    ["/tags/1", {}],
    ["/user", {}],
    ["/user/a~1b", {}],
    ["/user/a~1b/m~0n", []],
    ["/user/id", 5]
  ]
  const lines = [": {}", "/: null", "/tags: []", '/tags/0: "x"', "/tags/1: {}", "/user: {}", "/user/a~1b: {}"]
  const text = `${[...lines, "/user/a~1b/m~0n: []", "/user/id: 5"].join("\n")}\n`

  it("has an entry for each place, containers first, in canonical order", () => {
    assert.deepStrictEqual(flatten(record), entries)
    assert.strictEqual(render(entries), text)
  })

  it("converts back to the record", () => {
    assert.deepStrictEqual(unflatten(entries), record)
    assert.deepStrictEqual(parseLines(text), entries)
    assert.deepStrictEqual(parseLines(text.trimEnd()), entries)
    assert.deepStrictEqual(unflatten(parseLines(text.split("\n").toSorted().join("\n"))), record)
  })

  it("distinguishes the key 0 from the index 0, and an empty container from a missing one", () => {
    assert.notDeepEqual(flatten({ a: { "0": 1 } }), flatten({ a: [1] }))
    assert.deepStrictEqual(
      unflatten([
        ["", {}],
        ["/a", {}],
        ["/a/00", 1],
        ["/a/2", 1]
      ]),
      { a: { "00": 1, "2": 1 } }
    )
  })

  it("sorts indices as numbers", () => {
    const long = { a: Array.from({ length: 12 }, (_, index) => index) }
    assert.deepStrictEqual(unflatten(flatten(long).toReversed()), long)
    assert.strictEqual(flatten(long)[4]?.[0], "/a/2")
  })

  it("keeps a pointer on its line, and apart from its value", () => {
    const odd = { "a: b": 1, "a:": 2, "line\nbreak": 3, '"q"': 4, "\u2028": 5, ": ": { "": 6 } }
    const view = render(flatten(odd))
    assert.strictEqual(view.split("\n").length, 9)
    assert.include(view, "/a:: 2\n")
    assert.include(view, '"/a: b": 1\n')
    assert.include(view, '"/line\\nbreak": 3\n')
    assert.include(view, '/"q": 4\n')
    assert.deepStrictEqual(unflatten(parseLines(view)), odd)
  })

  it("copies the caller's containers into the record", () => {
    const mine: Record<string, never> = {}
    const made = unflatten([
      ["", mine],
      ["/a", 1]
    ])
    assert.deepStrictEqual(made, { a: 1 })
    assert.deepStrictEqual(mine, {})
  })
})

describe("an invalid flat view", () => {
  const root: Entry = ["", {}]
  const cases: ReadonlyArray<readonly [name: string, entries: ReadonlyArray<Entry>, error: string]> = [
    ["nothing", [], "NotAFlatView at : the entry of the root is missing or not {}"],
    ["no root", [["/a", 1]], "NotAFlatView at : the entry of the root is missing or not {}"],
    ["a root that is a list", [["", []]], "NotAFlatView at : the entry of the root is missing or not {}"],
    ["a root that is a primitive", [["", 1]], "NotAFlatView at : the entry of the root is missing or not {}"],
    ["no parent", [root, ["/a/b", 1]], "NotAFlatView at /a/b: its container has no entry"],
    ["a primitive as parent", [root, ["/a", 1], ["/a/b", 1]], "NotAFlatView at /a/b: its parent is not a container"],
    ["null as parent", [root, ["/a", null], ["/a/b", 1]], "NotAFlatView at /a/b: its parent is not a container"],
    ["twins", [root, ["/a", 1], ["/a", 1]], "NotAFlatView at /a: the same place has two entries"],
    ["two roots", [root, root], "NotAFlatView at : the same place has two entries"],
    ["a gap", [root, ["/a", []], ["/a/0", 1], ["/a/2", 1]], "NotAFlatView at /a: there is a gap between its indices"],
    ["no index 0", [root, ["/a", []], ["/a/1", 1]], "NotAFlatView at /a: there is a gap between its indices"],
    [
      "a huge index",
      [root, ["/a", []], ["/a/4294967294", 1]],
      "NotAFlatView at /a/4294967294: there is a gap between indices"
    ],
    ["a leading zero", [root, ["/a", []], ["/a/00", 1]], "NotAFlatView at /a/00: it is not an index of its array"],
    ["a signed index", [root, ["/a", []], ["/a/-0", 1]], "NotAFlatView at /a/-0: it is not an index of its array"],
    [
      "a key in a list",
      [root, ["/a", []], ["/a/length", 1]],
      "NotAFlatView at /a/length: it is not an index of its array"
    ],
    ["a forbidden key", [root, ["/__proto__", {}]], "NotAFlatView at /__proto__: its key is forbidden"],
    ["no slash", [root, ["a", 1]], "NotAFlatView at /a: it is not a JSON Pointer"],
    ["a bad escape", [root, ["/a~2", 1]], "NotAFlatView at /a~02: it is not a JSON Pointer"],
    ["an escape cut short", [root, ["/a~", 1]], "NotAFlatView at /a~0: it is not a JSON Pointer"],
    ["a full object", [root, ["/a", { b: 1 }]], "NotAFlatView at /a: a container is not empty"],
    ["a full list", [root, ["/a", [1]]], "NotAFlatView at /a: a container is not empty"],
    ["an ill-formed string", [root, ["/a", "\ud800"]], "IllFormedString at /a"],
    ["what is not JSON", [root, ["/a", undefined as never]], "NotJsonValue at /a"],
    ["a date", [root, ["/a", new Date(0) as never]], "NotJsonValue at "],
    [
      "too deep",
      [root, ...Array.from({ length: 200 }, (_, depth): Entry => ["/a".repeat(depth + 1), {}])],
      `NestingTooDeep at ${"/a".repeat(128)}`
    ]
  ]
  for (const [name, entries, error] of cases) {
    it(`is refused: ${name}`, () =>
      assert.strictEqual(
        refusal(() => unflatten(entries)),
        error
      ))
  }

  it("is refused for lines that are not entries", () => {
    assert.strictEqual(
      refusal(() => parseLines("/a 1")),
      "NotAFlatView at : a line has no `: `"
    )
    assert.strictEqual(
      refusal(() => parseLines('"/a":1')),
      "NotAFlatView at : a line has no `: `"
    )
    assert.strictEqual(
      refusal(() => parseLines("/a: x")),
      "NotJson at "
    )
    assert.strictEqual(
      refusal(() => parseLines('"\\x": 1')),
      "NotJson at "
    )
    assert.strictEqual(
      refusal(() => parseLines("/a: 1e400")),
      "UnrepresentableNumber at "
    )
    assert.strictEqual(
      refusal(() => parseLines("/a: [1]")),
      "NotAFlatView at /a: a container is not empty"
    )
  })

  it("is refused for a value that is not a record", () => {
    assert.strictEqual(
      refusal(() => flatten([1] as never)),
      "NotARecord at "
    )
    assert.strictEqual(
      refusal(() => flatten({ a: new Map() } as never)),
      "NotJsonValue at /a"
    )
  })
})
