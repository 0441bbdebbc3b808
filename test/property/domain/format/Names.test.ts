import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Names from "../../../../src/domain/format/Names.ts"
import { nameText as text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

/** What file systems want of a name, written down without looking at how names are made. */
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
  it("every text has a name that any file system can bear and that is accepted", () => {
    fc.assert(
      fc.property(text, (text) => {
        const name = Names.encodeTapeName(text)
        assert.isUndefined(whyUnsafe(name), name)
        assert.strictEqual(Names.checkTapeName(name), name)
      }),
      { numRuns: 10 * runs }
    )
  })

  it("a name gives its text back, unless it holds a hash of it", () => {
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

  it("two texts have one name exactly when they are equal after normalisation", () => {
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

  it("what is accepted is safe and, unless hashed, exactly what its text encodes to", () => {
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

const naming = fc.record({
  number: fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: Names.segmentNumberMax })),
  compression: fc.constantFrom("none" as const, "gzip" as const, "zstd" as const),
  shardEvery: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5000 }))
})

describe("names of segments", () => {
  it("say their number and compression, also to who does not know the shards", () => {
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

  it("with one character changed are refused, or are the name of another segment", () => {
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
