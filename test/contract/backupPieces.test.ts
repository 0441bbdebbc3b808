/** How a backup reads: in few pieces, into memory that it uses again. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { changeRoot } from "../support/changeRoot.ts"
import { recordsOf, type StorageService, tapeOf, withLib } from "../support/openLib.ts"

const MiB = 1024 * 1024

interface Piece {
  readonly offset: number
  readonly length: number
  readonly memory: ArrayBufferLike | undefined
}

/** Reads segments into the memory that it is given, as a folder does, and notes each read. */
const noting = (storage: StorageService, pieces: Array<Piece>): StorageService => ({
  open: (location, mode) =>
    Effect.map(storage.open(location, mode), (root) =>
      changeRoot(root, {
        segments: {
          read: (tape, segment, offset, length, memory) =>
            Effect.map(root.segments.read(tape, segment, offset, length), (bytes) => {
              pieces.push({ offset, length, memory: memory?.buffer })
              if (memory === undefined) return bytes
              memory.set(bytes)
              return memory.subarray(0, bytes.length)
            })
        }
      })
    )
})

describe("the pieces of a backup", () => {
  it.live("are of 1 MiB, and all of a segment go through the same two memories", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const count = 90
      const written = withLib(
        storage,
        "lib",
        (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "large")
            for (let n = 0; n < count; n++) yield* tape.append([{ n, text: `${n % 10}`.repeat(60_000) }])
          }),
        { closeBytes: 16 * MiB }
      )
      yield* written
      const pieces: Array<Piece> = []
      const segments = yield* withLib(
        noting(storage, pieces),
        "lib",
        (lib) =>
          Effect.gen(function* () {
            const { segments } = yield* tapeOf(lib, "large")
            pieces.length = 0
            yield* lib.backup("backup", { storage })
            return yield* segments
          }),
        { mode: "read" }
      )
      assert.lengthOf(segments, 1)
      const { bytes } = segments[0]!
      assert.isAbove(bytes, 5 * MiB)
      assert.lengthOf(pieces, Math.ceil(bytes / MiB))
      assert.deepStrictEqual(
        pieces.map(({ offset }) => offset),
        pieces.map((_, n) => n * MiB)
      )
      assert.isTrue(pieces.every(({ memory }) => memory !== undefined))
      assert.strictEqual(new Set(pieces.map(({ memory }) => memory)).size, 2)
      // Hashed before the memory was used again, and written then too.
      yield* withLib(
        storage,
        "backup",
        (lib) =>
          Effect.gen(function* () {
            assert.isTrue((yield* lib.verify()).ok)
            assert.lengthOf(yield* recordsOf(lib, "large"), count)
          }),
        { mode: "read" }
      )
    })
  )
})
