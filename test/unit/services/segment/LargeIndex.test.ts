import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import type { Segment } from "../../../../src/domain/meta/SystemRecord.ts"
import { SegmentIndexBuilder } from "../../../../src/domain/segment/SegmentIndex.ts"
import * as IndexFiles from "../../../../src/services/segment/IndexFiles.ts"
import { SegmentStore } from "../../../../src/services/segment/SegmentStore.ts"
import { someSha256 } from "../../../support/indexModel.ts"

const name = "seg-000001.jsonl"

const indexOf = (events: number): Uint8Array => {
  const builder = new SegmentIndexBuilder("events")
  const line = Buffer.from("{}")
  for (let n = 0; n < events; n++) {
    builder.add(line, 0, 2, { stream: `s-${n}`, revision: 0, position: n, idHash: n, crc: n })
  }
  return builder.finish(someSha256)
}

describe("the index of a segment", () => {
  // The last one has more bytes than are read before the size of the file is known.
  for (const events of [1, 70, 200, 100_000]) {
    it.live(`of ${events} streams is used as it is, and refused if a byte is missing`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const storage = yield* MemoryStorage.make
          const root = yield* storage.open("lib", "write")
          yield* root.tapes.create("t", Buffer.from("{}\n"))
          const store = new SegmentStore(root, defaultLimits)
          const index = indexOf(events)
          const segment = { name, sha256: someSha256, records: events, rawBytes: 3 * events, compression: "none" }
          // There is no segment, so an index cannot be rebuilt.
          const opened = Effect.map(store.index("t", "events", segment as Segment), ({ header }) => header.records)
          yield* IndexFiles.write(root.derived, "t", name, index)
          assert.strictEqual(yield* opened, events)
          store.forget("t", name)
          yield* IndexFiles.write(root.derived, "t", name, index.subarray(0, -1))
          // Only a look-up reads the last page of one that has several pages.
          if (index.length <= 4096 || events === 100_000) {
            assert.strictEqual((yield* Effect.exit(opened))._tag, "Failure")
          }
        })
      )
    )
  }
})
