/** Tapes: created whole, listed, and moved aside for a new one of the same name. */
import * as Effect from "effect/Effect"
import type { DerivedKey, Root } from "../../../services/ports/Storage.ts"
import { refused, same } from "./expect.ts"
import { bytes, type Demand, keeps, notTapes, open, openLib, segment, text } from "./ground.ts"

export const tapeDemands: ReadonlyArray<Demand> = [
  {
    name: "a tape appears with its meta, and is there after the lib is opened again",
    promise: "a tape's folder with its meta appears, whole and durably",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* openLib(ground, at)
            const given = bytes("account\n")
            yield* root.tapes.create("account", given)
            given.fill(0)
          })
        )
        const root = yield* open(ground, at)
        same("tapes, by name", yield* root.tapes.list, ["account", "order"])
        same("meta of the new one", text((yield* root.meta.read("account"))?.bytes), "account\n")
        same("segments of the new one", yield* root.segments.list("account"), [])
      })
  },
  {
    name: "a tape may begin with empty meta, which differs from no meta",
    promise: "a tape's folder with its meta appears; meta is changed against what was read, even if that is empty",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        yield* root.tapes.create("account", new Uint8Array())
        const empty = yield* root.meta.read("account")
        same("the empty meta", text(empty?.bytes), "")
        yield* refused(
          "creating it as if it did not exist",
          root.meta.replace("account", undefined, bytes("x")),
          "exists"
        )
        yield* root.meta.replace("account", empty?.version, bytes("account\n"))
        same("what replaced it", text((yield* root.meta.read("account"))?.bytes), "account\n")
      })
  },
  {
    name: "an unlisted tape of the same name is moved aside with everything in it",
    promise: "something unlisted under a new tape's name is moved aside first, with its segments and indexes",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(Effect.flatMap(openLib(ground, at), replaced))
        const had = rounds.flatMap((made) => [`before the ${made}\n`, `in a shard before the ${made}\n`])
        yield* keeps(ground, at, [...had, "tape\n", ...rounds.map(metaOf)])
      })
  },
  {
    name: "names that could lead elsewhere are refused for tapes",
    promise: "an invalid name of a tape is unsafe, whatever operation it is given to",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const name of notTapes) {
          const shown = JSON.stringify(name)
          yield* refused(`create of ${shown}`, root.tapes.create(name, bytes("x")), "unsafe")
          yield* refused(`list of segments of ${shown}`, root.segments.list(name), "unsafe")
        }
        same("tapes afterwards", yield* root.tapes.list, ["order"])
      })
  }
]

const rounds = ["first", "second", "third"]

const index: DerivedKey = { tape: "order", kind: "index", name: "seg-000001.jsonl.idx" }

const metaOf = (made: string): string => `meta of the ${made}\n`

/** Creates tapes of one name, each in the place of the one before it. */
const replaced = (root: Root) =>
  Effect.gen(function* () {
    for (const made of rounds) {
      yield* root.segments.write("order", segment, (append) => append(bytes(`before the ${made}\n`)))
      const inShard = bytes(`in a shard before the ${made}\n`)
      yield* root.segments.write("order", "shard-0001/seg-000002.jsonl", (append) => append(inShard))
      yield* root.derived.put(index, bytes("index"))
      // Read, so that they are open when the tape is moved.
      yield* root.segments.read("order", segment, 0, 10)
      yield* root.derived.getRanges(index, [[0, 1]])
      yield* root.tapes.create("order", bytes(metaOf(made)))
      same("meta of the new tape", text((yield* root.meta.read("order"))?.bytes), metaOf(made))
      same("segments of the new tape", yield* root.segments.list("order"), [])
      same("size of the namesake's segment", yield* root.segments.size("order", segment), undefined)
      yield* refused("reading the namesake's segment", root.segments.read("order", segment, 0, 10), "not-found")
      same("the namesake's index", yield* root.derived.getRanges(index, [[0, 1]]), undefined)
    }
    same("tapes, without those that were moved aside", yield* root.tapes.list, ["order"])
  })
