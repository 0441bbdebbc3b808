/** Segments with invalid lines, and with matching hashes and metas. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { recordsOf, withLib } from "../../../support/openLib.ts"
import { frameOf } from "../../../support/frames.ts"
import { changing, type Fields, rewriteMeta, rewriteTape, tapeMetaOf } from "../../../support/hostileLib.ts"
import { closedLib, fileOf, verifying } from "../steps.ts"
import type { Case, Cases, Ground } from "../table.ts"

type Look = (ground: Ground, at: string) => Effect.Effect<unknown, unknown>

/** Reads all records. */
const reading: Look = ({ storage }, at) => withLib(storage, at, (lib) => recordsOf(lib, "notes"), { mode: "read" })

/** Replaces the line of the third record. */
const line =
  (text: string, look: Look = verifying): Case["give"] =>
  (ground) =>
    Effect.flatMap(closedLib(ground), (at) => {
      rewriteTape(at, "notes", (lines, segment) => (segment === 1 ? [text, ...lines.slice(1)] : lines))
      return look(ground, at)
    })

/** Replaces the bytes of the second segment, and updates meta to match. */
const bytes =
  (make: (lines: Buffer) => Uint8Array, look: Look = verifying, described: Fields = {}): Case["give"] =>
  (ground) =>
    Effect.flatMap(closedLib(ground), (at) => {
      const file = fileOf(at, "notes", "seg-000002.jsonl")
      const changed = make(fs.readFileSync(file))
      const name = String(described["name"] ?? "seg-000002.jsonl")
      fs.rmSync(file)
      fs.writeFileSync(fileOf(at, "notes", name), changed)
      fs.rmSync(fileOf(at, "notes", "index"), { recursive: true })
      rewriteMeta(
        tapeMetaOf(at, "notes"),
        changing("LiteTape.Segment", (record, index) =>
          index === 0
            ? record
            : {
                ...record,
                bytes: changed.length,
                rawBytes: changed.length,
                sha256: createHash("sha256").update(changed).digest("hex"),
                ...described
              }
        )
      )
      return look(ground, at)
    })

const inSecond = (why: string): RegExp => new RegExp(`notes/seg-000002\\.jsonl.*byte \\d+.*${why}`)

const withByte = (byte: number) => (lines: Buffer) => {
  const changed = Buffer.from(lines)
  changed[2] = byte
  return changed
}

const cut = (lines: Buffer) => lines.subarray(0, -1)

const bomb = Buffer.alloc(1024 * 1024 + 100, `{"zeros":"${"0".repeat(1000)}"}\n`)

/** Replaces the second segment by a compressed one whose meta claims `rawBytes`. */
const compressed =
  (codec: "gzip" | "zstd", raw: Uint8Array, rawBytes: number, look: Look): Case["give"] =>
  (ground) =>
    Effect.flatMap(
      Effect.promise(() => frameOf(codec, raw)),
      (frame) => {
        const name = `seg-000002.jsonl${codec === "gzip" ? ".gz" : ".zst"}`
        return bytes(() => frame, look, { name, compression: codec, rawBytes })(ground)
      }
    )

const overLimit = (limit: number): RegExp =>
  new RegExp(`notes/seg-000002\\.jsonl\\.\\w+ has a frame at byte 0 that holds more than ${limit} bytes`)

const decompression: ReadonlyArray<Case> = (["gzip", "zstd"] as const).flatMap((codec) => [
  {
    name: `a ${codec} segment that holds more than meta says`,
    error: "DecompressionLimit",
    says: overLimit(16),
    give: compressed(codec, Buffer.from('{"n":2}\n{"n":3}\n{"n":4}\n'), 16, reading)
  },
  {
    name: `a ${codec} segment that holds more than meta says, verified`,
    error: "DecompressionLimit",
    says: overLimit(16),
    give: compressed(codec, Buffer.from('{"n":2}\n{"n":3}\n{"n":4}\n'), 16, verifying)
  },
  {
    name: `a ${codec} frame of more than 1 MiB`,
    error: "DecompressionLimit",
    says: overLimit(1024 * 1024 + 1),
    give: compressed(codec, bomb, bomb.length, reading)
  }
])

const deep = `{"a":${"[".repeat(128)}${"]".repeat(128)}}`

export const files: Cases = {
  encoding: [
    {
      name: "an invalid byte in a segment",
      error: "InvalidEncoding",
      says: inSecond("not UTF-8"),
      give: bytes(withByte(0xff))
    },
    {
      name: "a byte order mark in a segment",
      error: "InvalidEncoding",
      says: inSecond("byte order mark"),
      give: line('\ufeff{"n":2}')
    }
  ],
  noNewline: [
    {
      name: "a segment, read",
      error: "SegmentCorrupt",
      says: inSecond("it does not end with a newline"),
      give: bytes(cut, reading)
    },
    {
      name: "a segment, verified",
      error: "SegmentCorrupt",
      says: inSecond("it does not end with a newline"),
      give: bytes(cut)
    }
  ],
  depth: [{ name: "a line of a segment", error: "NestingTooDeep", says: inSecond("flatten"), give: line(deep) }],
  duplicateKey: [
    { name: "in a segment", error: "DuplicateKey", says: inSecond("same key twice"), give: line('{"a":1,"a":2}') }
  ],
  forbiddenKey: [
    {
      name: "__proto__ in a segment, verified",
      error: "ForbiddenKey",
      says: inSecond("rename the key"),
      give: line('{"__proto__":{"polluted":true}}')
    },
    {
      name: "__proto__ in a segment, read",
      error: "ForbiddenKey",
      says: /notes\/seg-000002\.jsonl.*ForbiddenKey/,
      give: (ground) =>
        Effect.mapError(line('{"__proto__":{"polluted":true}}', reading)(ground), (error) =>
          Object.assign(error as Error, { reason: "ForbiddenKey" })
        )
    }
  ],
  illFormed: [
    {
      name: "a lone surrogate in a segment",
      error: "IllFormedString",
      says: inSecond("lone surrogate"),
      give: line(String.raw`{"a":"\ud800"}`)
    }
  ],
  number: [
    {
      name: "1e400 in a segment",
      error: "UnrepresentableNumber",
      says: inSecond("as a string"),
      give: line('{"n":1e400}')
    }
  ],
  notCanonical: [
    { name: "a space", error: "NotCanonical", says: inSecond("not in canonical form"), give: line('{"n": 2}') },
    { name: "keys in another order", error: "NotCanonical", says: inSecond("RFC 8785"), give: line('{"b":1,"a":2}') },
    { name: "a number in another form", error: "NotCanonical", says: inSecond("RFC 8785"), give: line('{"n":2.0}') },
    {
      name: "a needless escape",
      error: "NotCanonical",
      says: inSecond("RFC 8785"),
      give: line(String.raw`{"n":"\u0061"}`)
    },
    { name: "-0", error: "NotCanonical", says: inSecond("RFC 8785"), give: line('{"n":-0}') }
  ],
  decompression
}
