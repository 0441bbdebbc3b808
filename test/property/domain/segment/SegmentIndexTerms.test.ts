/** The terms of an index: which events have a type or a tag. Compared with a search through the events. */
import * as fc from "fast-check"
import { assert, describe, it, vi } from "vitest"
import { hashId } from "../../../../src/domain/base/Hash53.ts"
import { findMatches, type WantedMatches } from "../../../../src/domain/segment/indexMatches.ts"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import {
  inBoth,
  inEither,
  type Matches,
  mostRows,
  noMatches,
  rowsAmong,
  termsOf
} from "../../../../src/domain/segment/termMatches.ts"
import { EventTerms } from "../../../../src/domain/segment/terms.ts"
import { TermTable } from "../../../../src/domain/segment/TermTable.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { collidingTags, collidingTypes } from "../../../support/collidingTerms.ts"
import { forgeAt, forgeRow, rowAt } from "../../../support/forgeIndex.ts"
import { entriesOf, headerOf, indexOf, segmentOf } from "../../../support/indexModel.ts"
import { runLookup } from "../../../support/runLookup.ts"
import { runs } from "../../../support/runs.ts"
import { withoutTerms } from "../../../support/withoutTerms.ts"

interface Given {
  readonly type: string
  readonly tags: ReadonlyArray<string>
  readonly stream: string
  readonly gap: number
  readonly time?: string
}

const time = "2026-01-02T03:04:05.678Z"

/** Returns a segment of these events, with the lines that a writer gives them. */
const segmentWith = (given: ReadonlyArray<Given>) => {
  const next = new Map<string, number>()
  let position = 2 ** 40
  return segmentOf(
    "events",
    given.map(({ gap, stream, tags, time: at = time, type }, n) => {
      const revision = next.get(stream) ?? 0
      next.set(stream, revision + 1)
      position += 1 + gap
      const event = { $type: type, data: { n }, id: `${n}`, metadata: {}, position, revision, stream, tags, time: at }
      const key = { stream, revision, position, idHash: hashId(stream, `${n}`) }
      return { bytes: TaraSON.toBytes(TaraSON.encode(event)), event: key }
    })
  )
}

const text = fc.oneof(
  fc.constantFrom("a", "b", '"', "\\", '],"time":"', ',"tags":[', "ü", "\u{1f600}", "\u007f", ""),
  fc.constantFrom(...collidingTags),
  fc.nat(2000).map((n) => `tag-${n}`)
)
const type = fc.oneof(
  { weight: 20, arbitrary: fc.constant("Common") },
  fc.constantFrom("Rare", '"', ',"tags":[', ...collidingTypes)
)
const given = fc.record({
  type,
  tags: fc.oneof(fc.constant([]), fc.array(text, { maxLength: 5 })),
  stream: fc.nat(20).map((n) => `order-${n}`),
  gap: fc.oneof(fc.constant(0), fc.nat(200), fc.constant(2 ** 33)),
  /** Another program may write other texts. */
  time: fc.oneof({ weight: 20, arbitrary: fc.constant(time) }, fc.constantFrom("soon", '2026-01-02T03:04:05.67"Z'))
})
const events = fc.limitShrink(fc.array(given, { maxLength: 500, size: "max" }), 500)
const asked = fc.array(
  fc.oneof(
    fc.record({ types: fc.array(type, { minLength: 1, maxLength: 3 }) }),
    fc.record({ tags: fc.array(text, { minLength: 1, maxLength: 3 }) }),
    fc.record({
      types: fc.array(type, { minLength: 1, maxLength: 2 }),
      tags: fc.array(text, { minLength: 1, maxLength: 2 })
    })
  ),
  { minLength: 1, maxLength: 3 }
)

type Items = typeof asked extends fc.Arbitrary<infer A> ? A : never

const matches = (items: Items, event: Given): boolean =>
  items.some(
    (item: { readonly types?: ReadonlyArray<string>; readonly tags?: ReadonlyArray<string> }) =>
      (item.types ?? [event.type]).includes(event.type) && (item.tags ?? []).every((tag) => event.tags.includes(tag))
  )

type Range = Omit<WantedMatches, "count">

/** Looks events up one range after the other, as a read does. */
const findAll = (
  index: Uint8Array,
  header: Index.Header,
  items: Parameters<typeof termsOf>[0],
  { backward, from, to }: Range
): Matches | undefined => {
  let all = noMatches
  for (let low = from, high = to; low < high;) {
    const wanted = { from: low, to: high, backward, count: 1 }
    const found = runLookup(index, findMatches(header, termsOf(items), wanted))
    if (found === undefined) return undefined
    for (const position of found.positions) assert.isTrue(position >= found.from && position < found.to)
    all = inEither(all, found)
    if (backward) high = found.from
    else low = found.to
    if (found.positions.length === 0) assert.isTrue(low >= high)
  }
  return all
}

/** Counts the bytes of postings that are decoded. */
const countBytes = <A>(run: () => A) => {
  const { getUint8 } = DataView.prototype
  let bytes = 0
  const spy = vi.spyOn(DataView.prototype, "getUint8").mockImplementation(function (this: DataView, at) {
    bytes++
    return getUint8.call(this, at)
  })
  try {
    const result = run()
    return { result, bytes }
  } finally {
    spy.mockRestore()
  }
}

/** Bytes of two rows of postings and of the first postings of others, about. */
const rowBytesMax = 7000

describe("the terms of an index", () => {
  it("lead to every event that matches a query, at its place, and to no others unless hashes collide", () => {
    fc.assert(
      fc.property(events, asked, fc.nat(), fc.nat(), fc.boolean(), (all, items, one, other, backward) => {
        const segment = segmentWith(all)
        const index = indexOf(segment)
        const header = headerOf(index, segment)
        const positions = segment.lines.map(({ event }) => event!.position)
        const [from = 0, to = 0] = [one, other]
          .map((at) => (positions.length === 0 ? 0 : positions[at % positions.length]! + (at % 2)))
          .toSorted((a, b) => a - b)
        const found = findAll(index, header, items, { from, to, backward })
        const wanted = all.flatMap((event, at) =>
          matches(items, event) && positions[at]! >= from && positions[at]! < to ? [positions[at]!] : []
        )
        // A type that too many events have is not listed.
        if (found === undefined) return assert.isTrue(items.some((item) => "types" in item))
        const at = new Map(found.positions.map((position, nth) => [position, found.places[nth]!]))
        assert.deepStrictEqual(
          found.positions,
          found.positions.toSorted((a, b) => a - b)
        )
        assert.strictEqual(at.size, found.positions.length)
        for (const position of wanted) assert.isTrue(at.has(position), "an event that matches is found")
        const entries = runLookup(index, Index.readEntriesAt(header, found.places))
        const lines = entriesOf(segment)
        found.positions.forEach((position, nth) =>
          assert.deepStrictEqual(entries[nth], lines[positions.indexOf(position)])
        )
        const isExact = items.every(
          (item) => "tags" in item && !("types" in item) && item.tags.every((tag) => tag.length < 20)
        )
        if (isExact) assert.deepStrictEqual(found.positions, wanted)
        const terms = new EventTerms()
        for (const { bytes } of segment.lines) terms.add(Buffer.concat([Buffer.from("{"), bytes]), 1, bytes.length + 1)
        const rowAt = (position: number) => positions.filter((one) => one < position).length
        const rows = rowsAmong(terms, termsOf(items), rowAt(from), rowAt(to))
        assert.deepStrictEqual(
          rows,
          rows.toSorted((a, b) => a - b)
        )
        for (const row of rows) assert.isTrue(positions[row]! >= from && positions[row]! < to)
        for (const position of wanted) assert.isTrue(rows.includes(positions.indexOf(position)), "among rows as well")
        assert.isAtMost(wanted.length, mostRows(terms, termsOf(items)))
      }),
      { numRuns: runs }
    )
  })

  it("of many events lead to those of a range, whose postings alone are decoded", () => {
    const total = 10_000
    const tagsAt = (n: number) => [
      "all",
      ...(n % 3 === 0 ? ["third"] : []),
      // As many as a row has, or two.
      ...(n < 1024 ? ["row"] : []),
      ...(n >= 7000 && n < 7000 + 2048 ? ["rows"] : []),
      n % 2 === 0 ? "even" : "odd"
    ]
    const segment = segmentWith(
      Array.from({ length: total }, (_, n) => ({
        type: "A",
        tags: tagsAt(n),
        stream: `s${n % 7}`,
        gap: n === 9000 ? 2 ** 20 : 0
      }))
    )
    const index = indexOf(segment)
    const header = headerOf(index, segment)
    const positions = segment.lines.map(({ event }) => event!.position)
    const lines = entriesOf(segment)
    const read = (from: number, to: number, backward: boolean, tags: ReadonlyArray<string>) => {
      const range = { from: positions[from]!, to: positions[to - 1]! + 1, backward }
      const { bytes, result: found } = countBytes(() => findAll(index, header, [{ tags }], range)!)
      const wanted = Array.from({ length: to - from }, (_, i) => from + i).filter((n) =>
        tags.every((tag) => tagsAt(n).includes(tag))
      )
      assert.deepStrictEqual(
        found.positions,
        wanted.map((n) => positions[n]!)
      )
      assert.deepStrictEqual(
        runLookup(index, Index.readEntriesAt(header, found.places)).map(({ offset }) => offset),
        wanted.map((n) => lines[n]!.offset)
      )
      return bytes
    }
    for (const tags of [["all"], ["third"], ["row"], ["rows"], ["even", "third"], ["even", "odd"], ["never"]]) {
      for (const backward of [false, true]) read(0, total, backward, tags)
    }
    // Whatever comes before and after the range.
    for (const at of [0, 1023, 1024, 1025, 9000, 9345, total - 5]) {
      for (const backward of [false, true]) {
        for (const tags of [["all"], ["third"], ["even", "odd"], ["all", "third"]])
          assert.isAtMost(read(at, at + 5, backward, tags), rowBytesMax * tags.length)
      }
    }
    // The first or the last of many.
    for (const backward of [false, true]) {
      let pages = 0
      const wanted = { from: 0, to: 2 ** 50, backward, count: 1 }
      runLookup(
        index,
        findMatches(header, termsOf([{ tags: ["all"] }]), wanted),
        (numbers) => (pages += numbers.length)
      )
      assert.isAtMost(pages, 30)
    }
  })

  it("say nothing about a type of more than one event in 64, and list a rarer one", () => {
    const of = (rare: number) =>
      segmentWith(
        Array.from({ length: 640 }, (_, n) => ({ type: n < rare ? "Rare" : "Common", tags: [], stream: "a", gap: 0 }))
      )
    for (const [rare, isKnown] of [
      [10, true],
      [11, false]
    ] as const) {
      const segment = of(rare)
      const index = indexOf(segment)
      const look = (wanted: string) =>
        findAll(index, headerOf(index, segment), [{ types: [wanted] }], { from: 0, to: 2 ** 50, backward: false })
      assert.strictEqual(look("Rare")?.positions.length, isKnown ? rare : undefined)
      assert.isUndefined(look("Common"))
      assert.deepStrictEqual(look("None")?.positions, [])
    }
  })

  it("cost 16 bytes for each type if no event has a tag, and a few bytes for each tag of an event otherwise", () => {
    const build = (tags: (n: number) => ReadonlyArray<string>) =>
      indexOf(
        segmentWith(
          Array.from({ length: 5000 }, (_, n) => ({ type: `T${n % 3}`, tags: tags(n), stream: `s-${n % 50}`, gap: 0 }))
        )
      ).length
    const without = build(() => [])
    const header = 192 + 24 * 5050
    assert.isBelow(without, 1.02 * header + 3 * 16 + 64)
    // Each tag has a row of 16 bytes.
    assert.isBelow(build((n) => [`a-${n % 100}`, `b-${n % 70}`]) - without, 170 * 16 + 2 * 5000 * 4.2)
  })

  it("are not there in an index of an earlier release, which answers everything else", () => {
    const segment = segmentWith([{ type: "A", tags: ["x"], stream: "a", gap: 0 }])
    const header = headerOf(withoutTerms(indexOf(segment)), segment)
    assert.isFalse(header.hasTerms)
    assert.strictEqual(header.unknown, 2)
    assert.isTrue(headerOf(indexOf(segment), segment).hasTerms)
  })

  it.each([
    ["a term with too many events", "terms", 0, 12],
    ["a term whose postings do not exist", "terms", 0, 9],
    ["a posting after the last event", "postings", 0, 0],
    ["a posting without an entry", "postings", 1, 0],
    ["two postings of one position", "postings", 2, 0],
    ["postings that are cut off", "postings", 3, 0]
  ] as const)("are refused if they have %s, with correct checksums", (_, section, row, at) => {
    const segment = segmentWith([
      { type: "A", tags: ["x"], stream: "a", gap: 0 },
      { type: "A", tags: ["x"], stream: "a", gap: 0 }
    ])
    const forged = indexOf(segment)
    assert.strictEqual(rowAt(forged, "postings", 4), forged.length - 4)
    const values = [0x7f, 0x7f, 0, 0x80]
    forgeRow(forged, section, row, (bytes) => {
      if (section === "postings") bytes[at] = values[row]!
      else bytes[at]! ^= 7
    })
    const look = () => {
      for (const items of [[{ tags: ["x"] }], [{ types: ["A"] }]])
        findAll(forged, headerOf(forged, segment), items, { from: 0, to: 2 ** 50, backward: false })
    }
    assert.throws(look, Index.IndexDamaged)
  })

  it("of a segment of records are refused", () => {
    const segment = segmentOf("records", [{ bytes: Buffer.from("{}") }])
    const index = indexOf(segment)
    // The section of frames, which is empty, is said to be one of terms.
    forgeAt(index, 80 + 16 * 4, (bytes) => {
      bytes.writeUInt32LE(6)
      bytes.writeUInt32LE(1, 12)
    })
    assert.throws(() => headerOf(index, segment), Index.IndexDamaged)
  })
})

const lists = fc.array(fc.uniqueArray(fc.nat(40)), { minLength: 2, maxLength: 2 })
const asMatches = (numbers: ReadonlyArray<number>) => {
  const positions = numbers.toSorted((a, b) => a - b)
  return { positions, places: positions.map((position) => 1000 - position) }
}

describe("lists of events", () => {
  it("are joined and intersected like sets", () => {
    fc.assert(
      fc.property(lists, ([a = [], b = []]) => {
        assert.deepStrictEqual(inEither(asMatches(a), asMatches(b)), asMatches([...new Set([...a, ...b])]))
        assert.deepStrictEqual(inBoth(asMatches(a), asMatches(b)), asMatches(a.filter((one) => b.includes(one))))
      }),
      { numRuns: runs }
    )
  })
})

describe("a table of terms", () => {
  it("grows a little with each term, so that no term moves many", () => {
    const table = new TermTable()
    let most = 0
    for (let n = 0, moved = 0; n < 300_000; n++) {
      table.add(n % 3 === 0 ? (n * 2 ** 30) % 2 ** 53 : n, n)
      most = Math.max(most, table.cost.moved - moved)
      moved = table.cost.moved
    }
    assert.isAtMost(most, 5000)
  })

  it("keeps the rows of each term in order, each once, whatever hashes they have", () => {
    const hash = fc.oneof(
      fc.nat(20),
      fc.nat(5).map((n) => n * 2 ** 40),
      fc.nat(5000).map((n) => n * 2 ** 32 + 7)
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hash, fc.nat(3)), { maxLength: 400, size: "max" }),
        fc.nat(600),
        fc.nat(600),
        (added, from, to) => {
          const table = new TermTable()
          const model = new Map<number, Array<number>>()
          let row = 0
          for (const [one, step] of added) {
            row += step
            table.add(one, row)
            const rows = model.get(one) ?? []
            if (rows.at(-1) !== row) rows.push(row)
            model.set(one, rows)
          }
          assert.deepStrictEqual(
            Array.from({ length: table.size }, (_, term) => table.hashAt(term)),
            [...model.keys()]
          )
          for (const [one, rows] of model) {
            assert.deepStrictEqual(table.rowsOf(one), rows)
            assert.strictEqual(table.countOf(one), rows.length)
            const { walked } = table.cost
            const wanted = rows.filter((at) => at >= from && at < to)
            assert.deepStrictEqual(table.rowsOf(one, from, to), wanted)
            assert.isAtMost(table.cost.walked - walked, wanted.length + 65)
          }
          assert.deepStrictEqual(table.rowsOf(2 ** 52 + 1), [])
        }
      ),
      { numRuns: runs }
    )
  })
})
