/** Indexes: derived data about segments, beside them. */
import * as Effect from "effect/Effect"
import { oneOf, refused, same } from "./expect.ts"
import { bytes, type Demand, manyRanges, open, openLib, pattern, segment, text, unsafeNames } from "./ground.ts"

/** Neither of those that the checks look at again. */
const other = "seg-000002.jsonl"

const sharded = "shard-0001/seg-000123.jsonl"

export const indexDemands: ReadonlyArray<Demand> = [
  {
    name: "an index is written, read in ranges, replaced, removed",
    promise: "an index is written whole, and read in ranges in the order of the call",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* openLib(ground, at)
            for (const name of [segment, sharded]) {
              yield* root.writeIndex("order", name, bytes(`first of ${name}`))
              yield* root.readIndexRanges("order", name, [[0, 5]])
              yield* root.writeIndex("order", name, bytes(`second of ${name}`))
              const ranges = yield* root.readIndexRanges("order", name, [
                [7, 2],
                [0, 6]
              ])
              same(`ranges of the second index of ${name}`, ranges.map(text), ["of", "second"])
            }
            const large = pattern(20_000)
            yield* root.writeIndex("order", other, large)
            yield* manyRanges("an index", large, (many) => root.readIndexRanges("order", other, many))
          })
        )
        const root = yield* open(ground, at)
        same("size after another opening", yield* root.indexSize("order", segment), `second of ${segment}`.length)
        yield* root.readIndexRanges("order", segment, [[0, 5]])
        yield* root.removeIndex("order", segment)
        same("size of a removed index", yield* root.indexSize("order", segment), undefined)
        yield* refused("reading a removed index", root.readIndexRanges("order", segment, [[0, 5]]), "not-found")
        const kept = yield* root.readIndexRanges("order", sharded, [[10, 100]])
        same("the index of another segment, over its end", kept.map(text), [sharded])
      })
  },
  {
    name: "an index that is not there is not found, and removing it succeeds",
    promise: "not-found: there is nothing under that name; removing what is not there succeeds",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        same("size of an absent index", yield* root.indexSize("order", segment), undefined)
        yield* refused("reading an absent index", root.readIndexRanges("order", segment, [[0, 1]]), "not-found")
        yield* root.removeIndex("order", segment)
        yield* refused("an index of an absent tape", root.writeIndex("absent", segment, bytes("x")), "not-found")
      })
  },
  {
    name: "an index is no segment, and writers of one at the same time leave one whole",
    promise: "an index is written whole, and is not among the segments",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const versions = ["aaaa", "bbbb", "cccc"]
        yield* Effect.forEach(versions, (version) => root.writeIndex("order", segment, bytes(version)), {
          concurrency: "unbounded"
        })
        const [read] = yield* root.readIndexRanges("order", segment, [[0, 100]])
        oneOf("the index", text(read), versions)
        same("segments", yield* root.listSegments("order"), [])
      })
  },
  {
    name: "names that could lead elsewhere have no index",
    promise: "a name that is none of a segment is unsafe, whatever operation it is given to",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const name of unsafeNames) {
          const shown = JSON.stringify(name)
          yield* refused(`writeIndex of ${shown}`, root.writeIndex("order", name, bytes("x")), "unsafe")
          yield* refused(`readIndexRanges of ${shown}`, root.readIndexRanges("order", name, []), "unsafe")
          yield* refused(`indexSize of ${shown}`, root.indexSize("order", name), "unsafe")
          yield* refused(`removeIndex of ${shown}`, root.removeIndex("order", name), "unsafe")
        }
      })
  }
]
