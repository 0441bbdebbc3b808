/** Whatever an event contains, it cannot drive a terminal, and what is printed fits into it. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { stripVTControlCharacters } from "node:util"
import { colours, plainStyles } from "../../../src/cli/text/styles.ts"
import { type Column, pairs, table } from "../../../src/cli/text/table.ts"
import { bytes, count } from "../../../src/cli/text/units.ts"
import { visible, visibleJson, visibleJsonLines, visibleLines } from "../../../src/cli/text/visible.ts"
import { cut, pad, widthOf } from "../../../src/cli/text/width.ts"
import { runs } from "../../support/runs.ts"

/** Text of any units of code, more often than usual of those that a terminal obeys. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\u001b[2J",
        "\u001b]0;title\u0007",
        "\u009b31m",
        "\r",
        "\n",
        "\t",
        "\u202e",
        "\u2066",
        "\u0000",
        "\u007f",
        "\ud800",
        "\ufeff",
        "\u{e0041}"
      ),
      fc.constantFrom("日本語", "👩‍👩‍👧", "é", "e\u0301", "🇩🇪", "ﾊ", "\u200b"),
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.string({ maxLength: 12 })
    ),
    { maxLength: 6 }
  )
  .map((parts) => parts.join(""))

// oxlint-disable-next-line no-control-regex
const drives = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff]|[\ud800-\udfff]/u

const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    hostile,
    fc.integer(),
    fc.constant(null),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(hostile, tie("any"), { maxKeys: 3 })
  )
})).any

describe("text from a lib", () => {
  it("has no character that a terminal obeys, and stays on its line", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        assert.notMatch(visible(text), drives)
        for (const line of visibleLines(text).split("\n")) assert.notMatch(line, drives)
      }),
      { numRuns: 3 * runs }
    )
  })

  it("is the same value for programs", () => {
    fc.assert(
      fc.property(value, (any) => {
        const line = visibleJson(any)
        assert.notMatch(line, drives)
        assert.deepStrictEqual(JSON.parse(line), JSON.parse(JSON.stringify(any)))
        assert.deepStrictEqual(JSON.parse(visibleJsonLines(any)), JSON.parse(JSON.stringify(any)))
        for (const one of visibleJsonLines(any).split("\n")) assert.notMatch(one, drives)
      }),
      { numRuns: 3 * runs }
    )
  })

  it("is left as it is if it is harmless", () => {
    const text = "Order placed: 日本語, é, 👩‍👩‍👧, \\u001b"
    assert.strictEqual(visible(text), text)
    assert.strictEqual(visible("a\u001b[31mb\n"), String.raw`a\u001b[31mb\n`)
  })
})

describe("a text that is cut", () => {
  it("has at most the width, begins like the whole one, and is the whole one if that fits", () => {
    fc.assert(
      fc.property(hostile.map(visible), fc.nat({ max: 40 }), (text, width) => {
        const shown = cut(text, width)
        assert.isAtMost(widthOf(shown), width)
        if (widthOf(text) <= width) assert.strictEqual(shown, text)
        else if (width > 0) assert.isTrue(shown.endsWith("…") && text.startsWith(shown.slice(0, -1)))
        assert.strictEqual(widthOf(pad(shown, width)), width)
        assert.strictEqual(widthOf(pad(shown, width, "right")), width)
      }),
      { numRuns: 3 * runs }
    )
  })
})

const columns = fc.array(
  fc.record({
    title: fc.string({ maxLength: 10, unit: fc.constantFrom("a", "b", " ", "c") }),
    align: fc.constantFrom("left" as const, "right" as const),
    flexible: fc.boolean()
  }),
  { minLength: 1, maxLength: 6 }
)

describe("a table", () => {
  it("has no line that is wider than the terminal, or that drives it", () => {
    fc.assert(
      fc.property(
        columns.chain((all) =>
          fc.tuple(
            fc.constant(all),
            fc.array(fc.array(hostile, { minLength: all.length, maxLength: all.length }), { maxLength: 5 })
          )
        ),
        fc.integer({ min: 1, max: 120 }),
        fc.boolean(),
        ([all, rows], width, isColoured) => {
          const styles = isColoured ? colours : plainStyles
          const styled: ReadonlyArray<Column> = all.map((column) => ({
            ...column,
            style: (cell, { red }) => red(cell)
          }))
          const lines = table(styled, rows, { width, styles })
          assert.lengthOf(lines, rows.length + 1)
          for (const line of lines.map(stripVTControlCharacters)) {
            assert.notMatch(line, drives)
            assert.isAtMost(widthOf(line), width)
          }
        }
      ),
      { numRuns: 2 * runs }
    )
  })

  it("has its columns below each other, and everything in it, without a terminal", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, hostile, fc.nat()), { minLength: 1, maxLength: 6 }), (rows) => {
        const cells = rows.map(([a, b, n]) => [a, b, count(n)])
        const lines = table([{ title: "first" }, { title: "second" }, { title: "n", align: "right" }], cells, {
          width: undefined,
          styles: plainStyles
        })
        const first = Math.max(5, ...rows.map(([a]) => widthOf(visible(a))))
        const second = Math.max(6, ...rows.map(([, b]) => widthOf(visible(b))))
        const third = Math.max(...cells.map((row) => row[2]!.length))
        for (const [at, [a, b, n]] of cells.entries()) {
          assert.strictEqual(
            lines[at + 1],
            `${pad(visible(a!), first)}  ${pad(visible(b!), second)}  ${pad(n!, third, "right")}`
          )
        }
      }),
      { numRuns: runs }
    )
  })

  it("of names and values fits, too", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hostile, hostile), { maxLength: 4 }),
        fc.integer({ min: 1, max: 60 }),
        (entries, width) => {
          for (const line of pairs(entries, { width, styles: plainStyles })) {
            assert.isAtMost(widthOf(line), width)
            assert.notMatch(line, drives)
          }
        }
      ),
      { numRuns: runs }
    )
  })
})

describe("a size", () => {
  it("has at most three digits and never more than its unit", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (size) => {
        const [, number, unit] = /^(\d{1,4}(?:\.\d)?) (B|[KMGTP]iB)$/.exec(bytes(size))!
        const scale = 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].indexOf(unit!)
        assert.isBelow(Number(number), 1024)
        assert.isAtMost(Math.abs(Number(number) * scale - size), scale * 0.51)
      }),
      { numRuns: 2 * runs, examples: [[1023 * 1024 + 512], [1024 ** 2 - 1], [1125350151028736]] }
    )
  })
})
