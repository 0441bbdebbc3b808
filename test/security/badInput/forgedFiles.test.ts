/** Forged indexes, frames and metas with matching hashes. Each of these was once accepted. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import { defaultLimits } from "../../../src/domain/format/Limits.ts"
import { memoryDisk, place } from "../../reliability/inputs/memoryDisk.ts"
import * as Reseal from "../../reliability/inputs/reseal.ts"
import { forgeRow } from "../../support/forgeIndex.ts"
import { existingTape, recordsOf } from "../../support/openLib.ts"
import { changeMeta, closed, draftOf, fill, forging, refusal, using } from "./forged.ts"

describe("a forged index with valid checksums", () => {
  const file = "order/index/seg-000001.jsonl.idx"

  forging("is rebuilt if a stream has no entries, or begins at an invalid revision", closed, (draft) =>
    Effect.gen(function* () {
      for (const [at, value] of [
        [12, 0],
        [20, 0x7ff80000]
      ] as const) {
        const forged = Buffer.from(Reseal.bytesOf(draft, file))
        forgeRow(forged, "streams", 0, (bytes) => bytes.writeUInt32LE(value, at))
        const reading = using(new Map(draft).set(file, forged), (_, store) => Stream.runCollect(store.read("order-1")))
        assert.deepStrictEqual(
          (yield* reading).map(({ data }) => data),
          [0, 1, 2]
        )
      }
    })
  )

  forging("is refused if its revisions are not those of the events, and nothing is appended", closed, (draft) =>
    Effect.gen(function* () {
      const forged = Buffer.from(Reseal.bytesOf(draft, file))
      forgeRow(forged, "streams", 0, (bytes) => bytes.writeDoubleLE(40, 16))
      draft.set(file, forged)
      const appending = using(draft, (_, store) => store.append("order-1", [{ type: "T" }]), {})
      assert.match(yield* refusal(appending), /^SegmentCorrupt: order\/seg-000001\.jsonl .*different revisions/)
    })
  )
})

describe("recovery", () => {
  forging("of a tape ignores a line of a damaged meta whose file name does not match its number", closed, (draft) =>
    Effect.gen(function* () {
      changeMeta(draft, "notes/tape.meta.jsonl", (record) => {
        if (record["$type"] === "LiteTape.Segment") record["shardEvery"] = 1
      })
      const recovering = using(draft, (lib) => Effect.andThen(lib.recoverTape("notes"), recordsOf(lib, "notes")), {})
      assert.deepStrictEqual(yield* recovering, [{ n: 0 }, { n: 1 }])
    })
  )

  forging("of a lib refuses limits out of bounds, and changes nothing", closed, (draft) =>
    Effect.gen(function* () {
      draft.delete("litelib.meta.jsonl")
      const disk = memoryDisk(draft)
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
      const given = Lib.recover(place, { limits: { depthMax: 0 } })
      assert.match(yield* refusal(Effect.provideService(given, Storage, storage)), /^InvalidSettings: .*depthMax/)
      assert.isFalse(disk.files().has("litelib.meta.jsonl"))
    })
  )

  forging("of a lib uses the default limits if those in its meta are out of bounds", closed, (draft) =>
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

  forging("is refused when its index is built if every frame is repeated", gzipped, (draft) =>
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
