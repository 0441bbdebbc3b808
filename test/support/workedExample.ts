/** The lib that docs/FORMAT.md shows byte by byte: fixed clock, fixed ids. */
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Randomness } from "litetapes/Randomness"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import * as TestClock from "effect/testing/TestClock"

/**
 * Contents of the example's files, by name: of the dynamic segment before the clean close, of the others after it, and,
 * under `repacked/`, of the tape `greetings` after one more record and a repack.
 */
export type Files = { readonly [name: string]: Uint8Array }

const location = "example"

/** Makes the lib in memory, under a `TestClock`. */
export const makeWorkedExample: Effect.Effect<Files> = Effect.gen(function* () {
  yield* TestClock.setTime(Date.parse("2026-01-02T03:04:05.678Z"))
  const storage = yield* Storage
  const look = Effect.scoped(Effect.flatMap(storage.open(location, "read"), readAll))
  const before = yield* Effect.scoped(
    Effect.gen(function* () {
      const lib = yield* Lib.open(location, { placement: { kind: "category" } })
      yield* Effect.provideService(fill, Lib.Lib, lib)
      const name = "litelib.dynamic-000001.jsonl"
      return { [name]: (yield* look)[name]! }
    })
  )
  const after = yield* look
  yield* Effect.scoped(Effect.flatMap(Lib.open(location), (lib) => Effect.provideService(repack, Lib.Lib, lib)))
  for (const [name, bytes] of Object.entries(yield* look)) {
    if (name.startsWith("greetings/")) after[`repacked/${name}`] = bytes
  }
  return { ...before, ...after }
}).pipe(
  Effect.provide(MemoryStorage.layer),
  Effect.provideService(Randomness, (bytes) => new Uint8Array(bytes)),
  Effect.orDie
)

const fill = Effect.gen(function* () {
  const greetings = yield* Tape.makeOrCreate("greetings")
  yield* greetings.append([
    { $type: "Greeted", name: "Ada", at: 1 },
    { $type: "Greeted", name: "Grace", at: 2 }
  ])
  const store = yield* EventStore.make
  yield* store.append("order-17", [{ type: "OrderPlaced", data: { cents: 3998 }, id: "placed-17" }], {
    expected: "no-stream"
  })
  yield* greetings.setUserMeta("language", "en")
})

/** Appends a record that equals an earlier one, and repacks, which stores both only once. */
const repack = Effect.gen(function* () {
  const greetings = yield* Tape.make("greetings")
  yield* greetings.append([{ $type: "Greeted", name: "Ada", at: 1 }])
  yield* greetings.repack({ dedup: true, why: "repeats" })
})

const readAll = (root: Effect.Success<ReturnType<Storage["Service"]["open"]>>) =>
  Effect.gen(function* () {
    const files: Record<string, Uint8Array> = {}
    files["litelib.meta.jsonl"] = (yield* root.meta.read(undefined))!.bytes
    for (const n of yield* root.journal.list) {
      files[`litelib.dynamic-00000${n}.jsonl`] = yield* root.journal.read(n, 0, (yield* root.journal.size(n))!)
    }
    for (const tape of yield* root.tapes.list) {
      files[`${tape}/tape.meta.jsonl`] = (yield* root.meta.read(tape))!.bytes
      for (const segment of yield* root.segments.list(tape)) {
        const size = (yield* root.segments.size(tape, segment))!
        files[`${tape}/${segment}`] = yield* root.segments.read(tape, segment, 0, size)
      }
    }
    return files
  })
