/** Segments: written whole, read in ranges, removed. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { oneOf, refused, same } from "./expect.ts"
import {
  bytes,
  type Demand,
  manyRanges,
  notSegments,
  open,
  openLib,
  pattern,
  segment,
  sharded,
  text,
  unsafeNames
} from "./ground.ts"

export const segmentDemands: ReadonlyArray<Demand> = [
  {
    name: "a segment is written whole, from its chunks, and returns what fill returned",
    promise: "write writes a segment whole, from the chunks that fill appends, then makes it durable under its name",
    body: (ground) => writtenWhole(ground)
  },
  {
    name: "a segment may be empty",
    promise: "a segment has the chunks that fill appends, even if it appends nothing",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        yield* root.segments.write("order", segment, () => Effect.void)
        same("size of an empty segment", yield* root.segments.size("order", segment), 0)
        same("bytes of an empty segment", text(yield* root.segments.read("order", segment, 0, 10)), "")
      })
  },
  {
    name: "a read of a segment is short only at the end, and ranges keep their order",
    promise:
      "offsets and lengths are bytes; a read is short only at the end; ranges are returned in the order of the call",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const all = pattern(200_000)
        yield* root.segments.write("order", segment, (append) => append(all))
        const read = (offset: number, length: number) => root.segments.read("order", segment, offset, length)
        same("a read over the end", yield* read(199_990, 100), all.slice(199_990))
        same("a longer read over the end", yield* read(199_990, 100_000), all.slice(199_990))
        same("a read beyond the end", yield* read(500_000, 100_000), new Uint8Array())
        const many = Array.from({ length: 2000 }, (_, i) => [(i * 7919) % 200_000, 900] as const)
        same(
          "2,000 ranges",
          yield* root.segments.readRanges("order", segment, many),
          many.map(([offset, length]) => all.slice(offset, offset + length))
        )
        yield* manyRanges("a segment", all, (small) => root.segments.readRanges("order", segment, small))
      })
  },
  {
    name: "a segment that does not exist is not found, and removing it succeeds",
    promise: "not-found: there is nothing under that name; removing what does not exist succeeds",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const name of [segment, sharded]) {
          same(`size of ${name}, which is absent`, yield* root.segments.size("order", name), undefined)
          yield* refused(`reading ${name}`, root.segments.read("order", name, 0, 1), "not-found")
          yield* refused(`ranges of ${name}`, root.segments.readRanges("order", name, [[0, 1]]), "not-found")
          yield* root.segments.remove("order", name)
        }
        yield* refused("segments of an absent tape", root.segments.list("absent"), "not-found")
        same("size of a segment of an absent tape", yield* root.segments.size("absent", segment), undefined)
        const written = root.segments.write("absent", segment, (append) => append(bytes("x")))
        yield* refused("writing a segment of an absent tape", written, "not-found")
      })
  },
  {
    name: "a leftover segment under the name is replaced, even for readers that have read it",
    promise: "write: an unlisted leftover under that name is removed first",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        yield* root.segments.write("order", segment, (append) => append(bytes("a long leftover\n")))
        same("the leftover", text(yield* root.segments.read("order", segment, 0, 100)), "a long leftover\n")
        yield* root.segments.write("order", segment, (append) => append(bytes("new\n")))
        same("what replaced it", text(yield* root.segments.read("order", segment, 0, 100)), "new\n")
        same("its size", yield* root.segments.size("order", segment), 4)
      })
  },
  {
    name: "a segment can be written again from its own bytes, and is replaced whole",
    promise: "write replaces a segment of that name whole, or leaves it; fill may read it meanwhile",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const all = pattern(200_000)
        yield* root.segments.write("order", segment, (append) => append(all))
        const copied = root.segments.write("order", segment, (append) =>
          Effect.gen(function* () {
            for (let at = 0; at < all.length; at += 70_000) {
              yield* append(yield* root.segments.read("order", segment, at, 70_000))
            }
          })
        )
        yield* copied
        same("the segment after it was written again", yield* root.segments.read("order", segment, 0, 300_000), all)
        yield* Effect.ignore(root.segments.write("order", segment, () => Effect.fail("no")))
        same("the segment after a copy failed", yield* root.segments.read("order", segment, 0, 300_000), all)
      })
  },
  {
    name: "a removed segment is gone, even for readers that have read it, and its name can be used again",
    promise: "remove removes; nothing of it that is kept open or cached is used any more",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        yield* root.segments.write("order", sharded, (append) => append(bytes("old\n")))
        yield* root.segments.read("order", sharded, 0, 10)
        yield* root.segments.remove("order", sharded)
        yield* refused("reading what was removed", root.segments.read("order", sharded, 0, 10), "not-found")
        same("segments", yield* root.segments.list("order"), [])
        yield* root.segments.write("order", sharded, (append) => append(bytes("new\n")))
        same("the next one of that name", text(yield* root.segments.read("order", sharded, 0, 10)), "new\n")
      })
  },
  {
    name: "if fill fails, there is nothing under the name, and a second attempt succeeds",
    promise: "if fill fails, nothing is left under the name",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const half = root.segments.write("order", segment, (append) =>
          Effect.andThen(append(bytes("half")), Effect.fail("no more" as const))
        )
        same("the failure of fill", yield* Effect.flip(half), "no more")
        same("size of what was not written", yield* root.segments.size("order", segment), undefined)
        same("segments", yield* root.segments.list("order"), [])
        yield* root.segments.write("order", segment, (append) => append(bytes("whole\n")))
        same("the second try", text(yield* root.segments.read("order", segment, 0, 10)), "whole\n")
      })
  },
  {
    name: "if fill is interrupted, an older segment under the name stays",
    promise: "a segment is there whole or not at all: until it is whole, the older one stays",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        yield* root.segments.write("order", segment, (append) => append(bytes("before\n")))
        const begun = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          root.segments.write("order", segment, (append) =>
            append(bytes("half")).pipe(Effect.andThen(Deferred.succeed(begun, undefined)), Effect.andThen(Effect.never))
          )
        )
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(fiber)
        same("the older segment", text(yield* root.segments.read("order", segment, 0, 10)), "before\n")
        same("segments", yield* root.segments.list("order"), [segment])
      })
  },
  {
    name: "two concurrent writers of one segment leave one of their segments, whole",
    promise: "a segment is there whole: never a mixture of two",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const write = (line: string) =>
          root.segments.write("order", segment, (append) =>
            Effect.forEach([...line], (letter) => Effect.andThen(Effect.yieldNow, append(bytes(letter))), {
              discard: true
            })
          )
        yield* Effect.all([write("aaaaaa\n"), write("bbb\n")], { concurrency: "unbounded" })
        oneOf("the segment", text(yield* root.segments.read("order", segment, 0, 100)), ["aaaaaa\n", "bbb\n"])
      })
  },
  {
    name: "150 segments are read correctly, by many readers at the same time",
    promise: "reads and writes of different segments may run at the same time",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const names = Array.from({ length: 150 }, (_, i) => `seg-${String(i + 1).padStart(6, "0")}.jsonl`)
        yield* Effect.forEach(names, (name) => root.segments.write("order", name, (append) => append(bytes(name))), {
          concurrency: 16
        })
        const read = yield* Effect.forEach([...names, ...names], (name) => root.segments.read("order", name, 0, 100), {
          concurrency: "unbounded"
        })
        same("what each holds: its name", read.map(text), [...names, ...names])
        same("segments, by name", yield* root.segments.list("order"), names)
      })
  },
  {
    name: "names that could lead elsewhere are refused for segments",
    promise: "an invalid name of a segment is unsafe, whatever operation it is given to",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const name of notSegments) {
          const shown = JSON.stringify(name)
          const written = root.segments.write("order", name, (append) => append(bytes("x")))
          yield* refused(`write of ${shown}`, written, "unsafe")
          yield* refused(`read of ${shown}`, root.segments.read("order", name, 0, 1), "unsafe")
          yield* refused(`readRanges of ${shown}`, root.segments.readRanges("order", name, []), "unsafe")
          yield* refused(`size of ${shown}`, root.segments.size("order", name), "unsafe")
          yield* refused(`remove of ${shown}`, root.segments.remove("order", name), "unsafe")
        }
        for (const tape of unsafeNames) {
          const shown = JSON.stringify(tape)
          yield* refused(`read of tape ${shown}`, root.segments.read(tape, segment, 0, 1), "unsafe")
        }
      })
  }
]

const writtenWhole: Demand["body"] = (ground) =>
  Effect.gen(function* () {
    const at = ground.place()
    const big = pattern(5 * 1024 * 1024)
    const names = [segment, sharded, "shard-0001/seg-000124.jsonl"]
    yield* Effect.scoped(
      Effect.gen(function* () {
        const root = yield* openLib(ground, at)
        for (const [done, name] of names.entries()) {
          const result = yield* root.segments.write("order", name, (append) =>
            Effect.gen(function* () {
              const first = bytes("one\n")
              yield* append(first)
              first.fill(0)
              same(`size of ${name} while it is written`, yield* root.segments.size("order", name), undefined)
              same(`segments while ${name} is written`, yield* root.segments.list("order"), names.slice(0, done))
              yield* append(new Uint8Array())
              yield* append(big)
              return 42
            })
          )
          same("what fill returned", result, 42)
        }
      })
    )
    const root = yield* open(ground, at)
    same("segments after another opening, by name", yield* root.segments.list("order"), names)
    for (const name of [segment, sharded]) {
      same(`size of ${name}`, yield* root.segments.size("order", name), big.length + 4)
      same(`the first bytes of ${name}`, text(yield* root.segments.read("order", name, 0, 4)), "one\n")
      same(`the large chunk of ${name}`, yield* root.segments.read("order", name, 4, big.length), big)
    }
  })
