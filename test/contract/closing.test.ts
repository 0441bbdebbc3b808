/** Closing a lib: nothing is written afterwards, and its lock is free. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Storage } from "litetapes/Storage"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import { assert, describe } from "vitest"
import { existingTape, openSession, recordsOf, settle, tagOf, tapeOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()

const onDisk = <A, E>(program: Effect.Effect<A, E, Storage | Scope.Scope>) =>
  Effect.scoped(program).pipe(Effect.provide(NodeStorage.layer))

describe("a lib that was closed", () => {
  it.live("can be opened again within the same scope", () =>
    onDisk(
      Effect.gen(function* () {
        const at = newPlace()
        for (let n = 0; n < 3; n++) {
          const lib = yield* Lib.open(at)
          yield* Effect.flatMap(tapeOf(lib, "a"), (tape) => tape.append([{ n }]))
          assert.strictEqual(yield* tagOf(Lib.open(at)), "LibLocked")
          yield* lib.close
          yield* lib.close
          assert.strictEqual(yield* tagOf(lib.createTape("b")), "LibClosed")
        }
        const reader = yield* Lib.open(at, { mode: "read" })
        assert.strictEqual((yield* recordsOf(reader, "a")).length, 3)
        yield* reader.close
        assert.strictEqual(yield* tagOf(reader.refresh), "LibClosed")
      })
    )
  )

  it.live("can be opened again after a write failed", () =>
    onDisk(
      Effect.gen(function* () {
        const at = newPlace()
        const lib = yield* Lib.open(at)
        const tape = yield* tapeOf(lib, "a")
        yield* tape.append([{ n: 0 }])
        fs.renameSync(path.join(at, "a"), path.join(at, "b"))
        assert.isTrue(["TapeInvalid", "StorageError", "WriterPoisoned"].includes(yield* tagOf(tape.appendSegment)))
        fs.renameSync(path.join(at, "b"), path.join(at, "a"))
        yield* Effect.ignore(lib.close)
        const again = yield* Lib.open(at)
        assert.deepStrictEqual(yield* recordsOf(again, "a"), [{ n: 0 }])
      })
    )
  )

  it.live("has written nothing after its clean end, though a dynamic segment became old meanwhile", () =>
    Effect.gen(function* () {
      const base = yield* MemoryStorage.make
      const written: Array<string> = []
      const storage: Storage["Service"] = {
        open: (place, mode) =>
          Effect.map(base.open(place, mode), (root) => ({
            ...root,
            meta: {
              ...root.meta,
              append: (owner, version, bytes) => {
                if (owner === undefined) written.push(Buffer.from(bytes).toString())
                return root.meta.append(owner, version, bytes)
              }
            },
            segments: {
              ...root.segments,
              write: (tape, segment, fill) =>
                Effect.andThen(Effect.sleep("60 millis"), root.segments.write(tape, segment, fill))
            }
          }))
      }
      for (let n = 0; n < 5; n++) {
        const { close, lib } = yield* openSession(storage, "place", { closeAfter: "20 millis" })
        if (n > 0) assert.isFalse(lib.report.recovered)
        const tape = yield* tapeOf(lib, "a")
        yield* tape.append([{ n }])
        yield* Effect.sleep(n * 5)
        yield* tape.append([{ n }])
        yield* lib.close
        yield* Effect.sleep("60 millis")
        assert.include(written.at(-1), "LiteLib.Clean")
        yield* close
      }
    })
  )
})

describe("a reader in another process", () => {
  it.live("reads a dynamic segment that was created anew under the number of a leftover", () =>
    onDisk(
      Effect.gen(function* () {
        const at = newPlace()
        const first = yield* Lib.open(at)
        yield* Effect.flatMap(tapeOf(first, "a"), (tape) => tape.append([{ n: 0 }]))
        const copy = newPlace()
        fs.cpSync(at, copy, { recursive: true })
        const header = { $type: "LiteLib.Header", dynamic: 2, epoch: 1, lib: first.id }
        // What a kill leaves between creating the next dynamic segment and listing it.
        fs.writeFileSync(path.join(copy, "litelib.dynamic-000002.jsonl"), `${JSON.stringify(header)}\n`)
        const reader = yield* Lib.open(copy, { mode: "read" })
        const writer = yield* Lib.open(copy)
        const tape = yield* existingTape(writer, "a")
        for (let n = 1; n < 6; n++) {
          yield* tape.append([{ n }])
          yield* reader.refresh
          assert.strictEqual((yield* recordsOf(reader, "a")).length, n + 1)
        }
        yield* writer.close
        yield* reader.refresh
        yield* settle
      })
    )
  )
})
