/** The journal: dynamic segments, appended to and dropped. */
import * as Effect from "effect/Effect"
import { refused, same } from "./expect.ts"
import { bytes, type Demand, manyRanges, open, openLib, pattern, text, withoutRoom } from "./ground.ts"

export const journalDemands: ReadonlyArray<Demand> = [
  {
    name: "a dynamic segment holds what was appended, in order, even after the lib is opened again",
    promise: "append returns once what it wrote is durable, after everything that was appended before",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* openLib(ground, at)
            const writer = yield* root.journal.create(4, bytes("header\n"))
            same("size of a new dynamic segment", yield* root.journal.size(4), 7)
            yield* writer.append(bytes("one\n"))
            yield* writer.append(new Uint8Array())
            yield* writer.append(bytes("two\n"))
            same("what was appended", withoutRoom(yield* root.journal.read(4, 0, 100)), "header\none\ntwo\n")
          })
        )
        const root = yield* open(ground, at, "read")
        same("dynamic segments after another opening", yield* root.journal.list, [4])
        same("all after another opening", withoutRoom(yield* root.journal.read(4, 0, 100)), "header\none\ntwo\n")
        same("size after another opening", (yield* root.journal.size(4))! >= 15, true)
        same("four bytes from byte 7 on", text(yield* root.journal.read(4, 7, 4)), "one\n")
      })
  },
  {
    name: "a read is short only at the end, and sees what is appended after the first read",
    promise:
      "offsets and lengths are bytes; a read is short only at the end; after what was appended there may be zeros",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const writer = yield* root.journal.create(1, bytes("0123456789"))
        same("a read over the end", text(yield* root.journal.read(1, 8, 10)), "89")
        same("a read at the end", text(yield* root.journal.read(1, 10, 10)), "")
        same("a read beyond the end", text(yield* root.journal.read(1, 1000, 10)), "")
        same("a read of nothing", text(yield* root.journal.read(1, 3, 0)), "")
        yield* writer.append(bytes("ab"))
        same("a read over the old end, after an append", withoutRoom(yield* root.journal.read(1, 8, 10)), "89ab")
      })
  },
  {
    name: "ranges are returned in the order of the call, small and large ones, few and many",
    promise: "many reads in one call, in the order of ranges; each is short only at the end",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const all = pattern(300_000)
        yield* root.journal.create(1, all)
        const ranges = [
          [5, 3],
          [0, 200_000],
          [299_999, 10],
          [1, 0],
          [100, 70_000],
          [300_000, 1]
        ] as const
        same(
          "ranges of a dynamic segment",
          yield* root.journal.readRanges(1, ranges),
          ranges.map(([offset, length]) => all.slice(offset, offset + length))
        )
        same("no ranges", yield* root.journal.readRanges(1, []), [])
        yield* manyRanges("a dynamic segment", all, (many) => root.journal.readRanges(1, many))
      })
  },
  {
    name: "a batch of 5 MiB is read as it was appended",
    promise: "append writes all of the bytes, however many",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const writer = yield* root.journal.create(1, bytes("header\n"))
        const batch = pattern(5 * 1024 * 1024)
        yield* writer.append(batch)
        same("a large batch", yield* root.journal.read(1, 7, batch.length), batch)
        same("after a large batch", withoutRoom(yield* root.journal.read(1, 7 + batch.length, 1024)), "")
      })
  },
  {
    name: "a leftover dynamic segment under the number is replaced",
    promise: "create: an unlisted leftover under its number is removed first",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        const left = Effect.flatMap(openLib(ground, at), (root) => root.journal.create(2, bytes("a long leftover\n")))
        yield* Effect.scoped(left)
        const root = yield* open(ground, at)
        same("the leftover", text(yield* root.journal.read(2, 0, 100)), "a long leftover\n")
        const writer = yield* root.journal.create(2, bytes("new\n"))
        yield* writer.append(bytes("batch\n"))
        same("the new dynamic segment", withoutRoom(yield* root.journal.read(2, 0, 100)), "new\nbatch\n")
      })
  },
  {
    name: "a writer keeps no bytes of the caller, and a closed writer appends nothing",
    promise: "close releases what is held open and writes nothing",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const given = bytes("given\n")
        const writer = yield* root.journal.create(1, given)
        yield* writer.append(given)
        given.fill(0)
        yield* writer.close
        yield* writer.close
        yield* refused("an append to a closed writer", writer.append(bytes("late\n")), "failed")
        same("what was appended before", withoutRoom(yield* root.journal.read(1, 0, 100)), "given\ngiven\n")
      })
  },
  {
    name: "dropping removes a dynamic segment, even one that does not exist, and lets running reads finish",
    promise: "drop removes it; reads that are running may finish; removing one that does not exist succeeds",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        const all = pattern(3 * 1024 * 1024)
        const writer = yield* root.journal.create(1, all)
        const read = root.journal.read(1, 0, all.length)
        yield* read
        const results = yield* Effect.all([read, read, Effect.andThen(writer.close, root.journal.drop(1))], {
          concurrency: "unbounded"
        })
        same("a running read", results[0], all)
        same("another running read", results[1], all)
        same("size of what was dropped", yield* root.journal.size(1), undefined)
        same("dynamic segments", yield* root.journal.list, [])
        yield* refused("a read of what was dropped", read, "not-found")
        yield* refused("ranges of what was dropped", root.journal.readRanges(1, [[0, 1]]), "not-found")
        yield* root.journal.drop(1)
      })
  },
  {
    name: "numbers of dynamic segments are listed in order, beyond six digits too",
    promise: "list gives the numbers of all that are there, in order",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const n of [1_000_000, 2, 999_999, 10]) yield* root.journal.create(n, bytes("header\n"))
        same("numbers", yield* root.journal.list, [2, 10, 999_999, 1_000_000])
      })
  }
]
