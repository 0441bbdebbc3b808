/** Derived files: written whole, read whole or in ranges, listed, deleted. A missing one is an answer, not an error. */
import * as Effect from "effect/Effect"
import type { DerivedKey, Root, StorageError } from "../../../services/ports/Storage.ts"
import { oneOf, refused, same } from "./expect.ts"
import {
  bytes,
  type Demand,
  manyRanges,
  notDerivedKinds,
  notDerivedNames,
  notTapes,
  open,
  openLib,
  pattern,
  text
} from "./ground.ts"

const ofTape: DerivedKey = { tape: "order", kind: "index", name: "seg-000001.jsonl.idx" }

const ofLib: DerivedKey = { tape: undefined, kind: "stream-state", name: "%c3%a9_2.bin" }

/** More bytes than any of the files here has. */
const bytesMax = 1024 * 1024

const shown = ({ tape, kind, name }: DerivedKey): string => `${tape ?? "the lib"}: ${kind}/${name}`

export const derivedDemands: ReadonlyArray<Demand> = [
  {
    name: "a derived file of a tape or of the lib is read whole and in ranges, even after the lib is opened again",
    promise: "put writes a file whole; get reads all of it, and getRanges parts in the order of the call",
    body: (ground) => readBack(ground)
  },
  {
    name: "a derived file replaces the older one whole, even for readers that have read the older one",
    promise: "put writes a file whole, replacing an older one; writers at the same time leave one of theirs",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        yield* root.derived.put(ofTape, bytes("a long first one"))
        yield* root.derived.getRanges(ofTape, [[0, 5]])
        yield* root.derived.put(ofTape, bytes("second"))
        same("what replaced it", text(yield* root.derived.get(ofTape, bytesMax)), "second")
        const ranges = yield* root.derived.getRanges(ofTape, [[0, 100]])
        same("what replaced it, read in ranges", ranges?.map(text), ["second"])
        same("its size", yield* root.derived.size(ofTape), 6)
        const versions = ["aaaa", "bbbbbbbb", "cc"]
        yield* Effect.forEach(versions, (version) => root.derived.put(ofTape, bytes(version)), {
          concurrency: "unbounded"
        })
        oneOf("what writers at the same time leave", text(yield* root.derived.get(ofTape, bytesMax)), versions)
      })
  },
  {
    name: "reading a derived file that does not exist has an answer, and deleting it succeeds",
    promise: "any of them may vanish: get, getRanges, size and list answer, and delete succeeds, if it does not exist",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const absent: DerivedKey = { ...ofTape, tape: "absent" }
        for (const key of [ofTape, ofLib, absent]) yield* isMissing(root, key)
        yield* refused("a derived file of an absent tape", root.derived.put(absent, bytes("x")), "not-found")
        for (const key of [ofTape, ofLib]) {
          yield* root.derived.put(key, bytes("x"))
          yield* root.derived.getRanges(key, [[0, 1]])
          yield* root.derived.delete(key)
          yield* isMissing(root, key)
        }
      })
  },
  {
    name: "derived files are listed by tape and kind, sorted, and in no other list",
    promise: "list names the files of one tape, or of the lib, of one kind; a key is one file",
    body: (ground) => listed(ground)
  },
  {
    name: "a derived file is not read if it is larger than its reader accepts",
    promise: "get fails with too-large if it has more than bytesMax bytes",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const key of [ofTape, ofLib]) {
          yield* root.derived.put(key, bytes("12345"))
          same(`${shown(key)}, read with room for exactly it`, text(yield* root.derived.get(key, 5)), "12345")
          yield* refused(`${shown(key)}, read a byte short`, root.derived.get(key, 4), "too-large")
        }
      })
  },
  {
    name: "a reader reads derived files, and cannot write them",
    promise: "what is opened for reading cannot be written to: read-only",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        const root = yield* openLib(ground, at)
        const reader = yield* open(ground, at, "read")
        for (const key of [ofTape, ofLib]) {
          yield* isMissing(reader, key)
          yield* root.derived.put(key, bytes("there"))
          same(`${shown(key)}, as a reader sees it`, text(yield* reader.derived.get(key, bytesMax)), "there")
          same(`files next to ${shown(key)}`, yield* reader.derived.list(key.tape, key.kind), [key.name])
          yield* refused("a put by a reader", reader.derived.put(key, bytes("x")), "read-only")
          yield* refused("a deletion by a reader", reader.derived.delete(key), "read-only")
          same(`${shown(key)} afterwards`, text(yield* root.derived.get(key, bytesMax)), "there")
        }
      })
  },
  {
    name: "names that could lead elsewhere are refused for derived files",
    promise: "an invalid name, kind or tape is unsafe, whatever operation it is given to",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const keys = [
          ...notDerivedNames.map((name) => ({ ...ofTape, name })),
          ...notDerivedNames.map((name) => ({ ...ofLib, name })),
          ...notDerivedKinds.map((kind) => ({ ...ofTape, kind })),
          ...notDerivedKinds.map((kind) => ({ ...ofLib, kind })),
          ...notTapes.map((tape) => ({ ...ofTape, tape }))
        ]
        for (const key of keys) {
          const what = JSON.stringify(key)
          yield* refused(`put of ${what}`, root.derived.put(key, bytes("x")), "unsafe")
          yield* refused(`get of ${what}`, root.derived.get(key, bytesMax), "unsafe")
          yield* refused(`getRanges of ${what}`, root.derived.getRanges(key, []), "unsafe")
          yield* refused(`size of ${what}`, root.derived.size(key), "unsafe")
          yield* refused(`delete of ${what}`, root.derived.delete(key), "unsafe")
        }
        for (const kind of notDerivedKinds) {
          yield* refused(`list of kind ${JSON.stringify(kind)}`, root.derived.list("order", kind), "unsafe")
        }
        for (const tape of notTapes) {
          yield* refused(`list of tape ${JSON.stringify(tape)}`, root.derived.list(tape, "index"), "unsafe")
        }
      })
  }
]

/** Looks for a file in every way that there is, and deletes it. */
const isMissing = (root: Root, key: DerivedKey): Effect.Effect<void, StorageError> =>
  Effect.gen(function* () {
    same(`all of ${shown(key)}, which is absent`, yield* root.derived.get(key, bytesMax), undefined)
    same(`ranges of ${shown(key)}, which is absent`, yield* root.derived.getRanges(key, [[0, 1]]), undefined)
    same(`size of ${shown(key)}, which is absent`, yield* root.derived.size(key), undefined)
    same(`files next to ${shown(key)}, which is absent`, yield* root.derived.list(key.tape, key.kind), [])
    if (root.mode === "write") yield* root.derived.delete(key)
  })

const readBack: Demand["body"] = (ground) =>
  Effect.gen(function* () {
    const at = ground.place()
    const large = pattern(20_000)
    const keys = [ofTape, ofLib]
    yield* Effect.scoped(
      Effect.gen(function* () {
        const root = yield* openLib(ground, at)
        for (const key of keys) {
          const given = large.slice()
          yield* root.derived.put(key, given)
          given.fill(0)
          const all = yield* root.derived.get(key, large.length)
          same(`all of ${shown(key)}`, all, large)
          all?.fill(0)
          same(`size of ${shown(key)}`, yield* root.derived.size(key), large.length)
          yield* manyRanges(shown(key), large, (many) =>
            Effect.map(root.derived.getRanges(key, many), (found = []) => found)
          )
          yield* root.derived.put({ ...key, name: "empty" }, new Uint8Array())
        }
      })
    )
    const root = yield* open(ground, at)
    for (const key of keys) {
      same(`all of ${shown(key)} after another opening`, yield* root.derived.get(key, bytesMax), large)
      const ranges = yield* root.derived.getRanges(key, [
        [19_990, 100],
        [0, 6],
        [30_000, 1]
      ])
      same(`ranges of ${shown(key)}`, ranges, [large.slice(19_990), large.slice(0, 6), new Uint8Array()])
      const empty = { ...key, name: "empty" }
      same(`all of ${shown(empty)}`, text(yield* root.derived.get(empty, 0)), "")
      same(`size of ${shown(empty)}`, yield* root.derived.size(empty), 0)
    }
  })

const listed: Demand["body"] = (ground) =>
  Effect.gen(function* () {
    const root = yield* openLib(ground)
    yield* root.tapes.create("account", bytes("account\n"))
    const keys = [undefined, "account", "order"].flatMap((tape) =>
      ["index", "index-old", "stream-state"].flatMap((kind) =>
        ["seg-000002.jsonl.idx", "seg-000001.jsonl.idx", "shard-0001_seg-000123.jsonl.zst.idx"].map(
          (name): DerivedKey => ({ tape, kind, name })
        )
      )
    )
    for (const key of keys) yield* root.derived.put(key, bytes(shown(key)))
    for (const key of keys) same(shown(key), text(yield* root.derived.get(key, bytesMax)), shown(key))
    const sorted = ["seg-000001.jsonl.idx", "seg-000002.jsonl.idx", "shard-0001_seg-000123.jsonl.zst.idx"]
    for (const { tape, kind } of keys) {
      same(`files of ${tape ?? "the lib"}, ${kind}`, yield* root.derived.list(tape, kind), sorted)
    }
    same("files of a kind without files", yield* root.derived.list("order", "stream"), [])
    same("tapes", yield* root.tapes.list, ["account", "order"])
    for (const tape of ["account", "order"]) same(`segments of ${tape}`, yield* root.segments.list(tape), [])
    yield* root.derived.delete(keys[0]!)
    same("files next to a deleted one", yield* root.derived.list(undefined, "index"), sorted.toSpliced(1, 1))
    same("files of another tape", yield* root.derived.list("order", "index"), sorted)
  })
