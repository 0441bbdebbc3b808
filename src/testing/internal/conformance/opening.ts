/** Opening a place: what may be opened, what that creates, and what ends with its scope. */
import * as Effect from "effect/Effect"
import { refused, same } from "./expect.ts"
import { bytes, type Demand, open, openLib, segment, text } from "./ground.ts"

export const openDemands: ReadonlyArray<Demand> = [
  {
    name: "opening for writing creates an absent place, which is a lib once it has meta",
    promise: "for writing it takes the writer's lock and creates an absent folder; a place without meta is not a lib",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        const root = yield* open(ground, at)
        same("the mode of what is open for writing", root.mode, "write")
        yield* refused("opening a place without meta for reading", open(ground, at, "read"), "not-a-lib")
        yield* root.meta.replace(undefined, undefined, bytes("lib\n"))
        const reader = yield* open(ground, at, "read")
        same("the mode of what is open for reading", reader.mode, "read")
        same("the run of the operating system, as the reader names it", reader.boot, root.boot)
        same("lib meta, as the reader reads it", text((yield* reader.meta.read(undefined))?.bytes), "lib\n")
      })
  },
  {
    name: "opening for reading or to recover creates nothing, and refuses a place without a lib",
    promise: "for reading, an absent or empty place is not-a-lib; recover creates nothing",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* refused("opening an absent place for reading", open(ground, at, "read"), "not-a-lib")
        yield* refused("opening an absent place to recover", open(ground, at, "recover"), "not-a-lib")
        yield* Effect.scoped(open(ground, at))
        yield* refused("opening an empty place for reading", open(ground, at, "read"), "not-a-lib")
        yield* refused("opening an empty place to recover", open(ground, at, "recover"), "not-a-lib")
      })
  },
  {
    name: "a place that was opened and left empty can be opened again",
    promise: "a place that is neither empty nor has lib meta is not-a-lib: an empty one may be opened for writing",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(open(ground, at))
        const root = yield* open(ground, at)
        same("lib meta of an empty place", yield* root.meta.read(undefined), undefined)
      })
  },
  {
    name: "a second writer is refused while the first one's scope is open, but readers are not",
    promise: "for writing it takes the writer's lock (locked) until its scope closes; a reader takes none",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const first = yield* openLib(ground, at)
            yield* refused("a second writer", open(ground, at), "locked")
            yield* refused("a recovery while a writer is open", open(ground, at, "recover"), "locked")
            yield* open(ground, at, "read")
            yield* first.checkLock
          })
        )
        const second = yield* open(ground, at)
        yield* second.checkLock
      })
  },
  {
    name: "a reader takes no lock",
    promise: "any number of readers may be open at the same time, also while a writer is",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(openLib(ground, at))
        const readers = [yield* open(ground, at, "read"), yield* open(ground, at, "read")]
        const writer = yield* open(ground, at)
        yield* writer.checkLock
        for (const reader of readers) yield* reader.checkLock
      })
  },
  {
    name: "opening that is refused keeps nothing locked",
    promise: "the writer's lock belongs to what was opened: a failed open holds none afterwards",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(Effect.flatMap(open(ground, at), (root) => root.journal.create(1, bytes("header\n"))))
        yield* refused("opening a place that has no lib meta", open(ground, at), "not-a-lib")
        // In the same scope: the lock that the refused open took must be free again.
        const root = yield* open(ground, at, "recover")
        same("dynamic segments of the recovered place", yield* root.journal.list, [1])
      })
  },
  {
    name: "a lib that lost its meta opens only to be recovered",
    promise: "recover opens for writing a lib that may have lost its meta",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        yield* Effect.scoped(Effect.flatMap(open(ground, at), (root) => root.tapes.create("order", bytes("tape\n"))))
        yield* refused("writing to a place without lib meta", open(ground, at), "not-a-lib")
        yield* refused("reading a place without lib meta", open(ground, at, "read"), "not-a-lib")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* open(ground, at, "recover")
            same("the mode of a place that is recovered", root.mode, "write")
            same("its tapes", yield* root.tapes.list, ["order"])
            yield* root.meta.replace(undefined, undefined, bytes("lib\n"))
          })
        )
        const root = yield* open(ground, at)
        same("the tape's meta afterwards", text((yield* root.meta.read("order"))?.bytes), "tape\n")
      })
  },
  {
    name: "a reader cannot write",
    promise: "a place that is opened for reading cannot be written to: read-only",
    body: (ground) => readerWritesNothing(ground)
  },
  {
    name: "a root does nothing after its scope is closed",
    promise: "a root is open until its scope closes",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        const [root, writer] = yield* Effect.scoped(
          Effect.gen(function* () {
            const opened = yield* openLib(ground, at)
            return [opened, yield* opened.journal.create(1, bytes("header\n"))] as const
          })
        )
        yield* refused("an append after the close", writer.append(bytes("late\n")), "failed")
        yield* refused("a dynamic segment after the close", root.journal.create(2, bytes("late\n")), "failed")
        yield* refused("a read after the close", root.journal.read(1, 0, 10), "failed")
        yield* refused("the lock after the close", root.checkLock, "lock-lost")
        const again = yield* open(ground, at)
        same("dynamic segments of the next one", yield* again.journal.list, [1])
        same("bytes of its dynamic segment", text(yield* again.journal.read(1, 0, 100)), "header\n")
      })
  },
  {
    name: "two places are independent of each other",
    promise: "a root is the place of one lib",
    body: (ground) =>
      Effect.gen(function* () {
        const one = yield* openLib(ground)
        const other = yield* openLib(ground)
        yield* one.tapes.create("account", bytes("account\n"))
        yield* one.journal.create(1, bytes("header\n"))
        yield* one.hint.write(bytes("hint"))
        yield* one.segments.write("order", segment, (append) => append(bytes("one\n")))
        same("tapes of the other place", yield* other.tapes.list, ["order"])
        same("dynamic segments of the other place", yield* other.journal.list, [])
        same("hint of the other place", yield* other.hint.read, undefined)
        same("segments of the other place", yield* other.segments.list("order"), [])
      })
  }
]

const readerWritesNothing: Demand["body"] = (ground) =>
  Effect.gen(function* () {
    const at = ground.place()
    const writer = yield* openLib(ground, at)
    yield* writer.journal.create(1, bytes("header\n"))
    const root = yield* open(ground, at, "read")
    const derived = { tape: "order", kind: "index", name: "x" }
    const { version } = (yield* writer.meta.read(undefined))!
    yield* root.checkLock
    yield* refused("meta.append", root.meta.append(undefined, version, bytes("x")), "read-only")
    yield* refused("meta.replace", root.meta.replace(undefined, version, bytes("x")), "read-only")
    yield* refused("tapes.create", root.tapes.create("other", bytes("x")), "read-only")
    yield* refused("journal.create", root.journal.create(2, bytes("x")), "read-only")
    yield* refused("journal.drop", root.journal.drop(1), "read-only")
    yield* refused("quarantine.keep", root.quarantine.keep("litelib.dynamic-000001.jsonl", bytes("x")), "read-only")
    const written = root.segments.write("order", segment, (append) => append(bytes("x")))
    yield* refused("segments.write", written, "read-only")
    yield* refused("segments.remove", root.segments.remove("order", segment), "read-only")
    yield* refused("derived.put", root.derived.put(derived, bytes("x")), "read-only")
    yield* refused("derived.delete", root.derived.delete(derived), "read-only")
    yield* refused("hint.write", root.hint.write(bytes("x")), "read-only")
    same("dynamic segments afterwards", yield* root.journal.list, [1])
    same("tapes afterwards", yield* root.tapes.list, ["order"])
    same("version of lib meta afterwards", (yield* root.meta.read(undefined))?.version, version)
  })
