/** Indexes, frames and metas that somebody forged who made every hash fit. Each of these once got through. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import { pageBytes, checksumPage } from "../../../src/domain/segment/indexLayout.ts"
import { defaultLimits } from "../../../src/domain/format/Limits.ts"
import { memoryDisk, place } from "../../reliability/inputs/memoryDisk.ts"
import * as Reseal from "../../reliability/inputs/reseal.ts"
import { existingTape, recordsOf } from "../../support/openLib.ts"
import { changeMeta, closed, draftOf, fill, forging, refusal, using } from "./forged.ts"

describe("an index with checksums that fit", () => {
  const file = "order/index/seg-000001.jsonl.idx"

  forging("is made again where a stream has no entries in it, or begins at a revision that is none", closed, (draft) =>
    Effect.gen(function* () {
      for (const [at, value] of [
        [12, 0],
        [20, 0x7ff80000]
      ] as const) {
        const forged = Buffer.from(Reseal.bytesOf(draft, file))
        const page = forged.subarray(2 * pageBytes, 3 * pageBytes)
        page.writeUInt32LE(value, at)
        checksumPage(forged.toString("hex", 16, 48), 2, page)
        const reading = using(new Map(draft).set(file, forged), (_, store) => Stream.runCollect(store.read("order-1")))
        assert.deepStrictEqual(
          (yield* reading).map(({ data }) => data),
          [0, 1, 2]
        )
      }
    })
  )

  forging("that counts other revisions than its events is refused, and nothing is appended by it", closed, (draft) =>
    Effect.gen(function* () {
      const forged = Buffer.from(Reseal.bytesOf(draft, file))
      const page = forged.subarray(2 * pageBytes, 3 * pageBytes)
      page.writeDoubleLE(40, 16)
      checksumPage(forged.toString("hex", 16, 48), 2, page)
      draft.set(file, forged)
      const appending = using(draft, (_, store) => store.append("order-1", [{ type: "T" }]), {})
      assert.match(yield* refusal(appending), /^SegmentCorrupt: order\/seg-000001\.jsonl .*different revisions/)
    })
  )
})

describe("recovery", () => {
  forging("believes no line of a damaged meta that gives a file another name than its number", closed, (draft) =>
    Effect.gen(function* () {
      changeMeta(draft, "notes/tape.meta.jsonl", (record) => {
        if (record["$type"] === "LiteTape.Segment") record["shardEvery"] = 1
      })
      const recovering = using(draft, (lib) => Effect.andThen(lib.recoverTape("notes"), recordsOf(lib, "notes")), {})
      assert.deepStrictEqual(yield* recovering, [{ n: 0 }, { n: 1 }])
    })
  )

  forging("of a lib refuses limits that no lib may have, and changes nothing", closed, (draft) =>
    Effect.gen(function* () {
      draft.delete("litelib.meta.jsonl")
      const disk = memoryDisk(draft)
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
      const given = Lib.recover(place, { limits: { depthMax: 0 } })
      assert.match(yield* refusal(Effect.provideService(given, Storage, storage)), /^InvalidSettings: .*depthMax/)
      assert.isFalse(disk.files().has("litelib.meta.jsonl"))
    })
  )

  forging("of a lib takes the default limits where those of its meta are none that a lib may have", closed, (draft) =>
    Effect.gen(function* () {
      changeMeta(draft, "litelib.meta.jsonl", (record) => {
        if (record["$type"] === "LiteLib.Meta") record["limits"] = { ...defaultLimits, batchBytesMax: 2 ** 40 }
      })
      const disk = memoryDisk(draft)
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
      yield* Effect.provideService(Lib.recover(place), Storage, storage)
      const limits = yield* using(draft, (lib) => Effect.succeed(lib.limits), {}, disk)
      assert.deepStrictEqual(limits, defaultLimits)
    })
  )
})

describe("a compressed segment of events", () => {
  const gzipped = draftOf((lib) =>
    Effect.gen(function* () {
      yield* fill(lib)
      yield* Effect.flatMap(existingTape(lib, "order"), (tape) => tape.repack({ compression: "gzip" }))
    })
  )

  forging("that holds every frame twice is refused by whoever makes its index", gzipped, (draft) =>
    Effect.gen(function* () {
      const file = [...draft.keys()].find((name) => name.endsWith(".jsonl.gz"))!
      const bytes = Reseal.bytesOf(draft, file)
      draft.set(file, Uint8Array.from(Buffer.concat([bytes, bytes])))
      Reseal.resealTape(draft, "order")
      const reading = using(draft, (_, store) => Stream.runDrain(store.read("order-1")))
      assert.match(yield* refusal(reading), /^SegmentCorrupt: order\/seg-\d+\.jsonl\.gz .*positions do not ascend/)
    })
  )
})
