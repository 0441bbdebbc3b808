/**
 * Flips every single bit of a small compressed segment: reading fails with a typed error or returns the same records,
 * never others.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { linesOfChunk, readChunk } from "../../../../src/services/read/RecordReader.ts"
import { findSegment } from "../../../../src/services/read/SegmentService.ts"
import type { StorageService } from "../../../support/openLib.ts"
import { open, type Opened, pack, packings, place, run, tapeName } from "../../../support/packedTape.ts"
import * as IndexFiles from "../../../../src/services/segment/IndexFiles.ts"

const lines = ["{}", `{"text":"é\u2028"}`, `{"long":"${"abc".repeat(40)}"}`].flatMap((text, i) =>
  Array.from({ length: i + 1 }, () => Buffer.from(text))
)

const damages = ["SegmentCorrupt", "DecompressionLimit"]

/** Returns the records, or the tag of the error. */
const read = ({ lib, tape }: Opened) =>
  Effect.gen(function* () {
    const found: Array<string> = []
    while (found.length < lines.length) {
      const chunk = yield* readChunk(lib, tape, found.length, "forward")
      const rest = linesOfChunk(chunk, found.length, lines.length)
      found.push(...rest.map((line) => Buffer.from(line).toString()))
    }
    return found
  })

const tagOf = <A>(exit: Exit.Exit<A, { readonly _tag: string }>): A | string => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "None") throw new Error(`a defect: ${Cause.pretty(exit.cause)}`)
  return error.value._tag
}

/** Replaces the bytes of a segment. */
const overwrite = (storage: StorageService, name: string, bytes: Uint8Array, keepIndex: boolean) =>
  run(
    Effect.flatMap(storage.open(place, "write"), (root) =>
      Effect.andThen(
        root.segments.write(tapeName, name, (append) => append(bytes)),
        keepIndex ? Effect.void : IndexFiles.remove(root.derived, tapeName, name)
      )
    ),
    storage
  )

describe.each(packings)("a segment with compression $compression and dedup $dedup", (packing) => {
  it.each([true, false])("reveals every flipped bit if its index is kept: %s", async (keepIndex) => {
    const storage = await Effect.runPromise(MemoryStorage.make)
    const { file, segment } = await run(
      Effect.flatMap(open("write"), (opened) => pack(opened, lines, packing)),
      storage
    )
    const expected = lines.map(String)
    const look = () =>
      run(
        Effect.flatMap(open("read"), (opened) =>
          Effect.gen(function* () {
            const records = tagOf(yield* Effect.exit(read(opened)))
            const { verify } = yield* findSegment(opened.lib, () => opened.tape, segment.number)
            return { records, verified: tagOf(yield* Effect.exit(verify)) }
          })
        ),
        storage
      )
    assert.deepInclude(await look(), { records: expected, verified: segment })
    let seen = 0
    for (let bit = 0; bit < file.length * 8; bit++) {
      const flipped = Uint8Array.from(file)
      flipped[bit >>> 3]! ^= 1 << (bit & 7)
      await overwrite(storage, segment.name, flipped, keepIndex)
      const { records, verified } = await look()
      if (typeof records === "string") {
        seen++
        assert.include(damages, records)
      } else {
        assert.deepStrictEqual(records, expected)
      }
      assert.include(damages, verified, "verify sees every bit")
    }
    // If the index is rebuilt, the hash of the whole file is checked.
    if (!keepIndex) assert.strictEqual(seen, file.length * 8)
    else assert.isAbove(seen, file.length * 7)
  })

  it("reveals a cut at any byte", async () => {
    const storage = await Effect.runPromise(MemoryStorage.make)
    const { file, segment } = await run(
      Effect.flatMap(open("write"), (opened) => pack(opened, lines, packing)),
      storage
    )
    for (let length = 0; length < file.length; length++) {
      await overwrite(storage, segment.name, file.subarray(0, length), true)
      const records = await run(
        Effect.map(
          Effect.flatMap(open("read"), (opened) => Effect.exit(read(opened))),
          tagOf
        ),
        storage
      )
      assert.strictEqual(records, "SegmentCorrupt")
    }
  })
})
