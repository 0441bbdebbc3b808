/** Lines for segments that are compressed or freed of repeats. */
import * as fc from "fast-check"
import * as TaraSON from "../../src/domain/TaraSON.ts"
import { text } from "./arbitraries.ts"

/** A record with a text of its own, or one of many bytes. */
const record: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: text.map((value) => line({ value })) },
  { weight: 4, arbitrary: fc.nat(9).map((n) => line({ n })) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 40_000 }).map((n) => line({ long: "x".repeat(n), n })) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 65_000, max: 300_000 }).map((n) => line({ long: "é\u2028".repeat(n / 5) }))
  }
)

const line = (value: TaraSON.JsonObject): Uint8Array => TaraSON.toBytes(TaraSON.encode(value))

/** Lines of which many repeat others: none do, some do, all do. */
export const lines: fc.Arbitrary<ReadonlyArray<Uint8Array>> = fc.oneof(
  fc.uniqueArray(record, { minLength: 1, maxLength: 60, selector: (bytes) => Buffer.from(bytes).toString("latin1") }),
  fc.tuple(record, fc.integer({ min: 1, max: 60 })).map(([one, times]) => Array.from({ length: times }, () => one)),
  fc
    .tuple(fc.array(record, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(), { minLength: 1, maxLength: 300 }))
    .map(([pool, picks]) => picks.map((pick) => pool[pick % pool.length]!)),
  // As two segments with the same records become when they are merged.
  fc.array(record, { minLength: 1, maxLength: 40 }).map((half) => half.concat(half))
)
