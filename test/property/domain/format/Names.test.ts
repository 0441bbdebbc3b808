import { hash } from "node:crypto"
import { assert, describe, it } from "vitest"
import * as Names from "../../../../src/domain/format/Names.ts"
import * as fc from "fast-check"
import { nameText as text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const refused = (name: string): Names.InvalidTapeName => {
  try {
    Names.checkTapeName(name)
  } catch (error) {
    if (error instanceof Names.InvalidTapeName) return error
    throw error
  }
  return assert.fail(`${JSON.stringify(name)} was accepted`)
}

/** The rules of file systems for names, written independently of the encoder. */
const whyUnsafe = (name: string): string | undefined => {
  if (name.length === 0 || name.length > 100) return "length"
  if ([...name].some((c) => !"abcdefghijklmnopqrstuvwxyz0123456789._-%".includes(c))) return "characters"
  if (name.startsWith(".") || name.startsWith("-") || name.endsWith(".")) return "edges"
  const devices = ["con", "prn", "aux", "nul", ..."123456789"].flatMap((d) =>
    d.length > 1 ? [d] : [`com${d}`, `lpt${d}`]
  )
  if (devices.includes(name.split(".")[0]!)) return "device"
  if (name.startsWith("litelib.") || name.endsWith(".tmp") || name.includes(".aside-")) return "the lib's"
  return undefined
}

describe("names of tapes", () => {
  it.each([
    ["order", "order"],
    ["order-17", "order-17"],
    ["a.b_c-9", "a.b_c-9"],
    ["Order", "%4frder"],
    ["order line", "order%20line"],
    ["100%", "100%25"],
    ["%2e", "%252e"],
    ["a/b\\c", "a%2fb%5cc"],
    ["a\u0000b", "a%00b"],
    ["é", "%c3%a9"],
    ["e\u0301", "%c3%a9"],
    ["🦊", "%f0%9f%a6%8a"],
    [".", "%2e"],
    ["..", "%2e%2e"],
    [".git", "%2egit"],
    ["-rf", "%2drf"],
    ["order.", "order%2e"],
    ["con", "%63on"],
    ["con.txt", "%63on.txt"],
    ["nul.tar.gz", "%6eul.tar.gz"],
    ["lpt9", "%6cpt9"],
    ["CON", "%43%4f%4e"],
    ["com10", "com10"],
    ["console", "console"],
    ["litelib.lock", "%6citelib.lock"],
    ["litelib", "litelib"],
    ["order.tmp", "order%2etmp"],
    ["litelib.tmp", "%6citelib%2etmp"],
    ["order.aside-1", "order%2easide-1"],
    [".aside-.aside-.tmp", "%2easide-%2easide-%2etmp"],
    ["a".repeat(100), "a".repeat(100)],
    ["", `%-${hash("sha256", "", "hex")}`],
    ["a".repeat(101), `${"a".repeat(34)}%-${hash("sha256", "a".repeat(101), "hex")}`],
    [
      `${"a".repeat(32)}${"é".repeat(20)}`,
      `${"a".repeat(32)}%-${hash("sha256", `${"a".repeat(32)}${"é".repeat(20)}`, "hex")}`
    ]
  ])("encode %j as %s", (text, name) => {
    assert.strictEqual(Names.encodeTapeName(text), name)
    assert.strictEqual(Names.checkTapeName(name), name)
    assert.strictEqual(Names.decodeTapeName(name), name.includes("%-") ? undefined : text.normalize("NFC"))
  })

  it.each([
    ["", /empty/],
    [".", /begins with/],
    ["..", /begins with/],
    ["../order", /begins with|characters other/],
    ["/etc/passwd", /characters other/],
    ["a\\b", /characters other/],
    ["order\u0000", /characters other/],
    ["order\n", /characters other/],
    ["CON", /upper-case/],
    ["Order", /upper-case/],
    ["con", /Windows/],
    ["aux.jsonl", /Windows/],
    ["order.", /ends with/],
    ["-order", /begins with/],
    ["e\u0301", /normalisation/],
    ["é", /characters other/],
    ["%65%cc%81", /escapes/],
    ["%e9", /escapes/],
    ["%6frder", /escapes/],
    ["%4Frder", /upper-case/],
    ["order%", /escapes/],
    ["order%2", /escapes/],
    ["litelib.meta.jsonl", /litelib/],
    ["order.tmp", /tmp/],
    ["order.aside-3", /aside/],
    ["a".repeat(101), /longer/],
    ["%20".repeat(34), /longer/],
    [`order%-${"0".repeat(64)}`, /escapes/],
    [`%-${"0".repeat(64)}`, /escapes/],
    [`${"a".repeat(34)}%-${"0".repeat(63)}`, /escapes/],
    [`.${"a".repeat(33)}%-${"0".repeat(64)}`, /begins with/],
    [`con.${"a".repeat(30)}%-${"0".repeat(64)}`, /Windows/],
    [`litelib.${"a".repeat(26)}%-${"0".repeat(64)}`, /litelib/]
  ])("refuse %j and say why", (name, why) => {
    const error = refused(name)
    assert.match(error.why, why)
    assert.strictEqual(error.name, name.slice(0, 120))
    if (name !== "") assert.include(error.message, Names.encodeTapeName(name))
  })

  it("refuse an ill-formed text", () => {
    assert.throws(() => Names.encodeTapeName("a\ud800"), Names.InvalidTapeName)
    assert.match(refused("a\ud800").why, /surrogate/)
  })

  it("keep the first 120 characters in an error, without cutting one in half", () => {
    assert.strictEqual(refused("x".repeat(500)).name, "x".repeat(120))
    assert.isTrue(refused(`${"x".repeat(119)}🦊`).name.isWellFormed())
  })

  it("exist for every text, are accepted, and are safe on any file system", () => {
    fc.assert(
      fc.property(text, (text) => {
        const name = Names.encodeTapeName(text)
        assert.isUndefined(whyUnsafe(name), name)
        assert.strictEqual(Names.checkTapeName(name), name)
      }),
      { numRuns: 10 * runs }
    )
  })

  it("decode to their text, unless they contain a hash of it", () => {
    fc.assert(
      fc.property(text, (text) => {
        const name = Names.encodeTapeName(text)
        const decoded = Names.decodeTapeName(name)
        if (decoded === undefined) assert.match(name, /%-[0-9a-f]{64}$/)
        else assert.strictEqual(decoded, text.normalize("NFC"))
      }),
      { numRuns: 10 * runs }
    )
  })

  it("are equal for two texts exactly if these are equal after normalisation", () => {
    const small = fc.array(fc.constantFrom(".", "A", "a", "%41", "é", "e\u0301", "x".repeat(40)), { maxLength: 3 })
    const similar = small.map((parts) => parts.join(""))
    fc.assert(
      fc.property(fc.oneof(fc.tuple(text, text), fc.tuple(similar, similar)), ([a, b]) => {
        const same = a.normalize("NFC") === b.normalize("NFC")
        assert.strictEqual(Names.encodeTapeName(a) === Names.encodeTapeName(b), same)
      }),
      { numRuns: 10 * runs }
    )
  })

  it("are accepted only if they are safe and, unless hashed, the exact encoding of their text", () => {
    const piece = fc.constantFrom(
      "con",
      "litelib.",
      ".tmp",
      ".aside-",
      "%2e",
      "%2d",
      "%41",
      "%61",
      "%c3%a9",
      "%c3",
      "%-"
    )
    const nearly = fc.array(fc.oneof(piece, fc.constantFrom(..."abcxyz019._-%")), { maxLength: 12 })
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          nearly.map((parts) => parts.join(""))
        ),
        (name) => {
          let decoded: string | undefined
          try {
            decoded = Names.decodeTapeName(name)
          } catch (error) {
            assert.instanceOf(error, Names.InvalidTapeName)
            return
          }
          assert.isUndefined(whyUnsafe(name), name)
          if (decoded !== undefined) assert.strictEqual(Names.encodeTapeName(decoded), name)
        }
      ),
      { numRuns: 10 * runs }
    )
  })
})

describe("names of segments", () => {
  it.each([
    [1, "none", 0, "seg-000001.jsonl"],
    [2, "gzip", 0, "seg-000002.jsonl.gz"],
    [999_999, "zstd", 0, "seg-999999.jsonl.zst"],
    [1_000_000, "none", 0, "seg-1000000.jsonl"],
    [1, "none", 100, "shard-0000/seg-000001.jsonl"],
    [99, "none", 100, "shard-0000/seg-000099.jsonl"],
    [100, "zstd", 100, "shard-0001/seg-000100.jsonl.zst"],
    [1_000_000, "none", 10, "shard-100000/seg-1000000.jsonl"]
  ] as const)("for %i, %s and a shard every %i are %s", (number, compression, shardEvery, name) => {
    assert.strictEqual(Names.segmentName({ number, compression, shardEvery }), name)
    assert.deepStrictEqual(Names.parseSegmentName(name, shardEvery), { number, compression })
    assert.deepStrictEqual(Names.parseSegmentName(name), { number, compression })
    assert.strictEqual(Names.checkSegmentName(name, { number, compression, shardEvery }), name)
  })

  it.each([
    "",
    "seg-000000.jsonl",
    "seg-1.jsonl",
    "seg-0000001.jsonl",
    "seg-000001",
    "seg-000001.jsonl.bz2",
    "seg-000001.jsonl.gz.gz",
    "seg-000001.JSONL",
    "Seg-000001.jsonl",
    "seg-000001.jsonl\n",
    "seg-000001.jsonl\u0000",
    "seg-00000١.jsonl",
    "seg--00001.jsonl",
    "seg-000001.jsonl.tmp",
    "../seg-000001.jsonl",
    "/seg-000001.jsonl",
    "./seg-000001.jsonl",
    "shard-0000\\seg-000001.jsonl",
    "shard-0000//seg-000001.jsonl",
    "shard-0000/../seg-000001.jsonl",
    "shard-000/seg-000001.jsonl",
    "shard-00000/seg-000001.jsonl",
    "shard-0002/seg-000001.jsonl",
    "shard-0004/seg-000007.jsonl",
    "seg-9007199254740993.jsonl",
    "tape.meta.jsonl"
  ])("refuse %j", (name) => {
    assert.throws(() => Names.parseSegmentName(name), Names.InvalidSegmentName)
    assert.throws(() => Names.parseSegmentName(name, 0), Names.InvalidSegmentName)
    assert.throws(() => Names.parseSegmentName(name, 100), Names.InvalidSegmentName)
    const naming = { number: 1, compression: "none", shardEvery: 100 } as const
    assert.throws(() => Names.checkSegmentName(name, naming), /shard-0000\/seg-000001\.jsonl/)
  })

  it("refuse the name of another number, compression or shard", () => {
    const naming = { number: 7, compression: "gzip", shardEvery: 5 } as const
    for (const other of [{ number: 8 }, { compression: "none" }, { shardEvery: 0 }, { shardEvery: 3 }] as const) {
      const name = Names.segmentName({ ...naming, ...other })
      assert.throws(() => Names.checkSegmentName(name, naming), Names.InvalidSegmentName)
    }
    assert.throws(() => Names.parseSegmentName("shard-0001/seg-000007.jsonl", 0), Names.InvalidSegmentName)
    assert.throws(() => Names.parseSegmentName("seg-000007.jsonl", 5), Names.InvalidSegmentName)
    assert.throws(() => Names.parseSegmentName("shard-0000/seg-000007.jsonl", 5), Names.InvalidSegmentName)
  })

  it("die on a number that no segment has", () => {
    for (const number of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      assert.throws(() => Names.segmentName({ number, compression: "none", shardEvery: 0 }), /invariant/i)
      assert.throws(() => Names.dynamicName(number), /invariant/i)
    }
  })

  it("contain their number and compression, readable without knowing the shards", () => {
    fc.assert(
      fc.property(naming, (naming) => {
        const name = Names.segmentName(naming)
        const { number, compression } = naming
        assert.deepStrictEqual(Names.parseSegmentName(name, naming.shardEvery), { number, compression })
        assert.deepStrictEqual(Names.parseSegmentName(name), { number, compression })
        assert.strictEqual(Names.checkSegmentName(name, naming), name)
      }),
      { numRuns: runs }
    )
  })

  it("are refused, or name another segment, if one character is changed", () => {
    fc.assert(
      fc.property(naming, fc.nat(), fc.constantFrom(..."0189-/.\\sz\u0000\n"), (naming, at, put) => {
        const name = Names.segmentName(naming)
        const i = at % name.length
        const changed = name.slice(0, i) + put + name.slice(i + 1)
        fc.pre(changed !== name)
        assert.throws(() => Names.checkSegmentName(changed, naming), Names.InvalidSegmentName)
        try {
          const parsed = Names.parseSegmentName(changed, naming.shardEvery)
          assert.strictEqual(Names.segmentName({ ...parsed, shardEvery: naming.shardEvery }), changed)
        } catch (error) {
          assert.instanceOf(error, Names.InvalidSegmentName)
        }
      }),
      { numRuns: runs }
    )
  })
})

describe("names of dynamic segments", () => {
  it.each([
    [1, "litelib.dynamic-000001.jsonl"],
    [4, "litelib.dynamic-000004.jsonl"],
    [1_234_567, "litelib.dynamic-1234567.jsonl"]
  ])("name segment %i %s", (number, name) => {
    assert.strictEqual(Names.dynamicName(number), name)
    assert.strictEqual(Names.parseDynamicName(name), number)
    assert.throws(() => Names.checkTapeName(name), Names.InvalidTapeName)
  })

  it.each([
    "litelib.dynamic-000000.jsonl",
    "litelib.dynamic-4.jsonl",
    "litelib.dynamic-0000004.jsonl",
    "litelib.dynamic-000004.jsonl.quarantine",
    "litelib.dynamic-9007199254740993.jsonl",
    "x/litelib.dynamic-000004.jsonl",
    "litelib.meta.jsonl",
    ""
  ])("exclude %j", (name) => {
    assert.isUndefined(Names.parseDynamicName(name))
  })
})

const naming = fc.record({
  number: fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: Names.segmentNumberMax })),
  compression: fc.constantFrom("none" as const, "gzip" as const, "zstd" as const),
  shardEvery: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5000 }))
})

describe("names of derived files", () => {
  it.each(["seg-000001.jsonl.idx", "shard-0001_seg-000123.jsonl.zst.idx", "a", "0", "_", "%c3%a9", "a".repeat(200)])(
    "include %s",
    (name) => assert.isTrue(Names.isDerivedName(name))
  )

  it.each(["Order", "a/b\\c", "é", "🦊", "..", "-a", "a.", "a.tmp", "a.aside-1", "litelib.x", "", "x".repeat(300)])(
    "include the tape name of %j",
    (text) => assert.isTrue(Names.isDerivedName(Names.encodeTapeName(text)))
  )

  it.each(
    ["", ".", "..", ".a", "-a", "a.", "a.tmp", "a/b", "/a", "a\\b", "a\0", "a\n", "a b", "A", "é", "a".repeat(201)].map(
      (name) => [name]
    )
  )("exclude %j", (name) => assert.isFalse(Names.isDerivedName(name)))

  it.each(["index", "stream-state", "a-b-c", "a".repeat(32)])("accept the kind %s", (kind) =>
    assert.isTrue(Names.isDerivedKind(kind))
  )

  it.each(
    [
      "",
      ".",
      "..",
      "a/b",
      "a.b",
      "a_b",
      "Index",
      "index1",
      "shard-0001",
      "-a",
      "a-",
      "a--b",
      "a\n",
      "a".repeat(33)
    ].map((kind) => [kind])
  )("refuse the kind %j", (kind) => assert.isFalse(Names.isDerivedKind(kind)))
})
