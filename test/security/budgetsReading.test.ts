/**
 * Files that are too large are refused before they are read, decompressed or kept, so that none can fill the memory.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { constants, crc32, deflateRawSync, zstdCompressSync } from "node:zlib"
import type * as Lib from "litetapes/Lib"
import { wrapGzip } from "../../src/domain/segment/Frames.ts"
import * as MemoryStorage from "../../src/layers/MemoryStorage.ts"
import { changing, type Fields, libMetaOf, rewriteMeta, segmentsOf, tapeMetaOf } from "../support/hostileLib.ts"
import { metered } from "../support/meteredDisk.ts"
import { type LibService, recordsOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { makeVictim, notes, outcomeOf, wordFor } from "../support/victimLib.ts"

const place = temporaryFolder()

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

const prepare = (kind: "open" | "closed") =>
  Effect.gen(function* () {
    const disk = yield* metered
    const at = place()
    yield* makeVictim(disk.storage, at, kind)
    const { storage, bytesOf } = yield* metered
    return { at, storage, bytesOf }
  })

/** Extends a file with a hole to `bytes`. */
const grow = (file: string, bytes: number): void => fs.truncateSync(file, bytes)

type Use = (lib: LibService) => Effect.Effect<unknown, unknown>
const nothing: Use = () => Effect.void

/** Opens the lib and uses it in both modes. Returns the outcomes without repeats. */
const met = (storage: Parameters<typeof withLib>[0], at: string, use: Use = nothing, options: Lib.Options = {}) =>
  Effect.gen(function* () {
    const words: Array<string> = []
    const messages: Array<string> = []
    for (const mode of ["read", "write"] as const) {
      const outcome = yield* outcomeOf<unknown, unknown>(withLib(storage, at, use, { ...options, mode }))
      words.push("error" in outcome ? wordFor(outcome.error) : "done")
      if ("error" in outcome) messages.push((outcome.error as Error).message)
    }
    return { words: [...new Set(words)].join(", "), message: messages[0] ?? "" }
  })

describe("a meta over its limit", () => {
  it.live("of a lib is refused before it is read, and the error names the limit to raise", () =>
    Effect.gen(function* () {
      const { at, storage, bytesOf } = yield* prepare("open")
      grow(libMetaOf(at), 5 * GiB)
      const { words, message } = yield* met(storage, at)
      assert.strictEqual(words, "MetaInvalid")
      assert.match(message, /5368709120 bytes, more than 67108864.*limits\.metaBytesMax/)
      assert.strictEqual(bytesOf("litelib.meta.jsonl"), 0)
    })
  )

  it.live("over the default is read if the lib was created with a higher limit and is opened with the same one", () =>
    Effect.gen(function* () {
      const { storage } = yield* metered
      const at = place()
      const limits = { metaBytesMax: 80 * MiB }
      yield* withLib(storage, at, (lib) => tapeOf(lib, "notes"), { limits })
      // A torn last line that is longer than the default allows.
      fs.appendFileSync(libMetaOf(at), Buffer.alloc(65 * MiB, "x"))
      assert.strictEqual((yield* met(storage, at)).words, "MetaInvalid")
      assert.strictEqual(
        (yield* met(storage, at, nothing, { limits: { metaBytesMax: 81 * MiB } })).words,
        "SettingsMismatch"
      )
      assert.strictEqual((yield* met(storage, at, nothing, { limits })).words, "done")
      assert.strictEqual((yield* met(storage, at)).words, "done")
    })
  )

  it.live("of a tape is refused before it is read, by reads, writes and verify", () =>
    Effect.gen(function* () {
      const { storage, bytesOf } = yield* metered
      const at = place()
      yield* withLib(storage, at, (lib) => Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(notes(0, 4))), {
        limits: { metaBytesMax: 16 * KiB }
      })
      const before = bytesOf("tape.meta.jsonl")
      grow(tapeMetaOf(at, "notes"), 16 * KiB + 1)
      const { words, message } = yield* met(storage, at, (lib) => recordsOf(lib, "notes"))
      assert.strictEqual(words, "MetaInvalid")
      assert.match(message, /notes\/tape.meta.jsonl.*16385 bytes, more than 16384.*metaBytesMax/)
      const verified = yield* withLib(storage, at, (lib) => lib.verify(), { mode: "read" })
      assert.deepStrictEqual(
        verified.bad.map(({ file, error }) => [file, error]),
        [["notes/tape.meta.jsonl", "MetaInvalid"]]
      )
      assert.strictEqual(bytesOf("tape.meta.jsonl"), before)
    })
  )

  it.live("is refused by every storage", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStorage.make
      const { storage } = yield* metered
      for (const [kind, location] of [
        [memory, "lib"],
        [storage, place()]
      ] as const) {
        const reading = Effect.scoped(
          Effect.gen(function* () {
            const root = yield* kind.open(location, "write")
            yield* root.meta.replace(undefined, undefined, Buffer.from("12345\n"))
            yield* root.tapes.create("notes", Buffer.from("12345\n"))
            for (const owner of [undefined, "notes"]) {
              assert.strictEqual((yield* root.meta.read(owner, 6))?.bytes.length, 6)
              assert.strictEqual((yield* Effect.flip(root.meta.read(owner, 5))).reason, "too-large")
            }
          })
        )
        yield* reading
      }
    })
  )
})

describe("limits in a hostile lib meta", () => {
  for (const [limit, value] of [
    ["recordBytesMax", 2 ** 50],
    ["metaBytesMax", 2 ** 40],
    ["depthMax", 1_000_000],
    ["batchBytesMax", 2 ** 53 - 1],
    ["recordBytesMax", 1]
  ] as const) {
    it.live(`are refused if they are out of bounds: ${limit} ${value}`, () =>
      Effect.gen(function* () {
        const { at, storage } = yield* prepare("closed")
        rewriteMeta(
          libMetaOf(at),
          changing("LiteLib.Meta", (record) => ({
            ...record,
            limits: { ...(record["limits"] as Fields), [limit]: value }
          }))
        )
        const { words, message } = yield* met(storage, at)
        assert.strictEqual(words, "MetaInvalid")
        assert.include(message, limit)
      })
    )
  }
})

describe("oversized files", () => {
  it.live("refuse a dynamic segment before it is read", () =>
    Effect.gen(function* () {
      const { at, storage, bytesOf } = yield* prepare("open")
      const name = "litelib.dynamic-000001.jsonl"
      grow(path.join(at, name), 3 * GiB)
      assert.strictEqual((yield* met(storage, at)).words, "DynamicCorrupt")
      assert.strictEqual(bytesOf(name), 0)
    })
  )

  it.live("ignore a hint without reading it", () =>
    Effect.gen(function* () {
      const { at, storage, bytesOf } = yield* prepare("open")
      grow(path.join(at, "litelib.acked"), 5 * GiB)
      assert.strictEqual((yield* met(storage, at, (lib) => recordsOf(lib, "notes"))).words, "done")
      assert.strictEqual(bytesOf("litelib.acked"), 0)
    })
  )

  it.live("refuse a segment by its size without reading it", () =>
    Effect.gen(function* () {
      const { at, storage, bytesOf } = yield* prepare("closed")
      const name = segmentsOf(at, "notes")[1]!
      grow(path.join(at, "notes", name), 5 * GiB)
      const verified = yield* withLib(storage, at, (lib) => lib.verify(), { mode: "read" })
      assert.deepStrictEqual(
        verified.bad.map(({ file, error }) => [file, error]),
        [[`notes/${name}`, "SegmentCorrupt"]]
      )
      assert.strictEqual(bytesOf(name), 0)
    })
  )

  it.live("refuse a line without a newline once it is longer than any line may be", () =>
    Effect.gen(function* () {
      const { storage, bytesOf } = yield* metered
      const at = place()
      const limits = { recordBytesMax: 1 * KiB, batchBytesMax: 4 * KiB }
      yield* withLib(storage, at, (lib) => Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(notes(0, 2))), {
        limits
      })
      const file = path.join(at, "notes", "seg-000001.jsonl")
      grow(file, 3 * GiB)
      rewriteMeta(
        tapeMetaOf(at, "notes"),
        changing("LiteTape.Segment", (record) => ({ ...record, bytes: 3 * GiB, rawBytes: 3 * GiB }))
      )
      fs.rmSync(path.join(at, "notes", "index"), { recursive: true })
      const { words, message } = yield* met(storage, at, (lib) => recordsOf(lib, "notes"))
      assert.strictEqual(words, "SegmentCorrupt")
      assert.match(message, /longer than the limits allow/)
      assert.isBelow(bytesOf("seg-000001.jsonl"), 16 * MiB)
      fs.rmSync(tapeMetaOf(at, "notes"))
      yield* withLib(storage, at, (lib) => lib.recoverTape("notes"))
      assert.isBelow(bytesOf("seg-000001.jsonl"), 32 * MiB)
    })
  )
})

/** Number of bytes of lines that compress to nearly nothing. */
const bombBytes = 256 * MiB

/** Those lines in one frame, with different sizes in its header. */
const frames: { readonly [name: string]: { readonly suffix: string; readonly make: () => Uint8Array } } = {
  "zstd with its true size": {
    suffix: ".zst",
    make: () =>
      zstdCompressSync(Buffer.alloc(bombBytes, "{}\n"), {
        params: { [constants.ZSTD_c_checksumFlag]: 1 },
        pledgedSrcSize: bombBytes
      })
  },
  "zstd with a size of one byte": {
    suffix: ".zst",
    make: () => {
      const frame = zstdCompressSync(Buffer.alloc(bombBytes, "{}\n"), {
        params: { [constants.ZSTD_c_checksumFlag]: 1 },
        pledgedSrcSize: bombBytes
      })
      // Magic, descriptor, window, then the content size in four bytes.
      assert.strictEqual(frame.readUInt32LE(6), bombBytes)
      frame.writeUInt32LE(1, 6)
      return frame
    }
  },
  "gzip with its true size": {
    suffix: ".gz",
    make: () => wrapGzip(deflateRawSync(Buffer.alloc(bombBytes, "{}\n")), bombBytes, 0)
  },
  "gzip with a small size": {
    suffix: ".gz",
    make: () => {
      const raw = Buffer.alloc(bombBytes, "{}\n")
      return wrapGzip(deflateRawSync(raw), 1 * MiB, crc32(raw))
    }
  }
}

describe("a decompression bomb", () => {
  for (const [name, { suffix, make }] of Object.entries(frames)) {
    for (const rawBytes of [1 * MiB, bombBytes]) {
      it.live(`is not decompressed beyond the limit of a frame: ${name}, meta says ${rawBytes}`, () =>
        Effect.gen(function* () {
          const { at, storage } = yield* prepare("closed")
          const bytes = make()
          const compression = suffix === ".gz" ? "gzip" : "zstd"
          const [, plain] = segmentsOf(at, "notes")
          const segment = `${plain}${suffix}`
          fs.writeFileSync(path.join(at, "notes", segment), bytes)
          rewriteMeta(
            tapeMetaOf(at, "notes"),
            changing("LiteTape.Segment", (record) =>
              record["name"] === plain
                ? {
                    ...record,
                    name: segment,
                    compression,
                    bytes: bytes.length,
                    rawBytes,
                    sha256: createHash("sha256").update(bytes).digest("hex")
                  }
                : record
            )
          )
          const before = process.memoryUsage().rss
          const { words } = yield* met(storage, at, (lib) => recordsOf(lib, "notes"))
          assert.include(["DecompressionLimit", "SegmentCorrupt"], words)
          const verified = yield* withLib(storage, at, (lib) => lib.verify(), { mode: "read" })
          assert.deepStrictEqual(
            verified.bad.map(({ file }) => file),
            [`notes/${segment}`]
          )
          assert.isBelow(process.memoryUsage().rss - before, bombBytes / 2)
        })
      )
    }
  }
})
