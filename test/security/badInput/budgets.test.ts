/** Sizes that files claim are checked before memory is allocated for them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import type { Storage } from "litetapes/Storage"
import { encodeHeader, place as placed, checksumPage } from "../../../src/domain/segment/indexLayout.ts"
import { pageBytes } from "../../../src/domain/segment/indexSections.ts"
import { changeRoot } from "../../support/changeRoot.ts"
import { existingTape, recordsOf, tapeOf, withLib } from "../../support/openLib.ts"
import { memoryDisk, place } from "../../reliability/inputs/memoryDisk.ts"
import * as Reseal from "../../reliability/inputs/reseal.ts"
import { changeMeta, type Draft, draftOf, refusal } from "./forged.ts"

const records = 2 ** 30
const rawBytes = 3 * records

/** A compressed segment of a few records. Its meta and its index claim 2^30. */
const claiming: Effect.Effect<Draft, unknown> = Effect.map(
  draftOf((lib) =>
    Effect.gen(function* () {
      const tape = yield* tapeOf(lib, "notes")
      yield* tape.append(Array.from({ length: 4 }, (_, n) => ({ n })))
      yield* tape.repack({ compression: "zstd" })
    })
  ),
  (draft) => {
    let sha256 = ""
    changeMeta(draft, "notes/tape.meta.jsonl", (record) => {
      if (record["$type"] === "LiteTape.Repack") record["records"] = records - 1
      if (record["$type"] !== "LiteTape.Segment") return
      sha256 = String(record["sha256"])
      Object.assign(record, { records, rawBytes, merkle: { peaks: ["0".repeat(64)], size: records } })
    })
    const page = new Uint8Array(pageBytes)
    const rows = { blocks: records, streams: 0, entries: 0, ids: 0, frames: records, terms: 0, postings: 0 }
    const contents = { segmentSha256: sha256, kind: "records", records, rawBytes, rows } as const
    encodeHeader(placed({ ...contents, firstPosition: -1, lastPosition: -1 }), new DataView(page.buffer))
    checksumPage(sha256, 0, page)
    draft.set(Reseal.indexesOf(draft)[0]!, page)
    return draft
  }
)

/** Notes the number of index bytes that each read requests. */
const measured = (base: Storage["Service"], note: (bytes: number) => void): Storage["Service"] => ({
  open: (location, mode) =>
    Effect.map(base.open(location, mode), (root) =>
      changeRoot(root, {
        derived: {
          getRanges: (key, ranges) => {
            note(ranges.reduce((sum, [, length]) => sum + length, 0))
            return root.derived.getRanges(key, ranges)
          }
        }
      })
    )
})

describe("an index that claims to be larger than its file", () => {
  for (const mode of ["read", "write"] as const) {
    it.live(`costs no memory for the claimed size (${mode})`, () =>
      Effect.gen(function* () {
        const draft = yield* claiming
        let most = 0
        const storage = measured(
          yield* Effect.provideService(FolderStorage.make, Disk, memoryDisk(draft).disk),
          (bytes) => {
            most = Math.max(most, bytes)
          }
        )
        const before = process.memoryUsage()
        const reading = withLib(storage, place, (lib) => recordsOf(lib, "notes"), { mode })
        assert.match(
          yield* refusal(reading),
          /^SegmentCorrupt: notes\/seg-000005\.jsonl\.zst .*it has 4 records, meta says/
        )
        const after = process.memoryUsage()
        assert.isAtMost(most, pageBytes)
        const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
        assert.isBelow(grown, 48 * 1024 * 1024)
        const repacking = withLib(
          storage,
          place,
          (lib) => Effect.flatMap(existingTape(lib, "notes"), (tape) => tape.repack({ force: true })),
          { mode: "write" }
        )
        assert.match(yield* refusal(repacking), /^SegmentCorrupt: notes\/seg-000005\.jsonl\.zst /)
      }).pipe(Effect.provide(Logger.layer([])))
    )
  }
})
