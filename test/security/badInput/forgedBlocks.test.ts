/** A forged index in which blocks end within lines, with valid checksums: reads and repacks stay correct. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import { crc32 } from "node:zlib"
import { forgeRow } from "../../support/forgeIndex.ts"
import * as Reseal from "../../reliability/inputs/reseal.ts"
import { existingTape, recordsOf, tapeOf } from "../../support/openLib.ts"
import { type Draft, draftOf, forging, refusal, using } from "./forged.ts"

/** Longer than a block, so that each record is a block. */
const text = "x".repeat(70_000)
const records = [
  { n: 0, text },
  { n: 1, text }
]

const large = draftOf((lib) =>
  Effect.gen(function* () {
    const notes = yield* tapeOf(lib, "notes")
    yield* notes.append(records)
    const store = yield* EventStore.make
    yield* store.append(
      "order-1",
      records.map((data) => ({ type: "T", data }))
    )
  })
)

/** Byte offsets within the entry of a block, and the size of an entry. */
const entry = { offset: 4, bytes: 8, crc: 12, size: 24 }

/** Moves the border between the first two blocks to `by` bytes before it. */
const moveBorder = (draft: Draft, tape: string, by: number): void => {
  const segment = Reseal.bytesOf(draft, `${tape}/seg-000001.jsonl`)
  const file = `${tape}/index/seg-000001.jsonl.idx`
  const forged = Buffer.from(Reseal.bytesOf(draft, file))
  forgeRow(forged, "blocks", 0, (page) => {
    const border = page.readUInt32LE(entry.bytes)
    assert.strictEqual(page.readUInt32LE(entry.size + entry.offset), border)
    page.writeUInt32LE(border - by, entry.bytes)
    page.writeUInt32LE(crc32(segment.subarray(0, border - by)), entry.crc)
    page.writeUInt32LE(border - by, entry.size + entry.offset)
    page.writeUInt32LE(segment.length - border + by, entry.size + entry.bytes)
    page.writeUInt32LE(crc32(segment.subarray(border - by)), entry.size + entry.crc)
  })
  draft.set(file, forged)
}

describe("blocks that end within lines", () => {
  for (const compression of ["none", "zstd"] as const) {
    forging(`are joined by a repack to ${compression}`, large, (draft) =>
      Effect.gen(function* () {
        for (const tape of ["notes", "order"]) moveBorder(draft, tape, 10)
        const found = yield* using(
          draft,
          (lib, store) =>
            Effect.gen(function* () {
              for (const name of ["notes", "order"]) {
                const tape = yield* existingTape(lib, name)
                const { root } = yield* tape.head
                yield* tape.repack({ compression, force: true })
                assert.strictEqual((yield* tape.head).root, root)
              }
              const { bad } = yield* lib.verify()
              assert.deepStrictEqual(bad, [])
              const events = yield* Stream.runCollect(store.readAll())
              return [yield* recordsOf(lib, "notes"), events.map(({ data }) => data)]
            }),
          {}
        )
        assert.deepStrictEqual(found, [records, records])
      })
    )
  }

  forging("are joined by reads of a tape or stream, and refused by readAll", large, (draft) =>
    Effect.gen(function* () {
      moveBorder(draft, "notes", 10)
      moveBorder(draft, "order", 10)
      const found = yield* using(draft, (lib, store) =>
        Effect.all([
          recordsOf(lib, "notes"),
          Effect.map(Stream.runCollect(store.read("order-1")), (events) => events.map(({ data }) => data))
        ])
      )
      assert.deepStrictEqual(found, [records, records])
      const reading = using(draft, (_, store) => Stream.runCollect(store.readAll()))
      assert.match(yield* refusal(reading), /^SegmentCorrupt: order\/seg-000001\.jsonl .*ends within a line/)
    })
  )
})
