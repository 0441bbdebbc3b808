/** `litetapes stats` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { zstdCompressSync } from "node:zlib"
import type { EventStore } from "../../services/EventStore.ts"
import type { LibService } from "../../services/Lib.ts"
import type { TapeService } from "../../services/Tape.ts"
import { JsonFlag } from "../flags.ts"
import { reader, storeOf, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { listStreams, streamColumns } from "../streamList.ts"
import { bytes, count, rate, time } from "../text/units.ts"

/** Segments of less than this are small: a 16th of the size at which the writer closes by default. */
const smallBytes = 4 * 1024 * 1024

/** Bytes of records that are compressed to estimate what a repack would save. */
const sampleBytes = 1024 * 1024

/** Returns how much smaller the records are with zstd, from a sample. */
const zstdShare = (tape: TapeService) =>
  Effect.gen(function* () {
    let size = 0
    const lines: Array<string> = []
    const records = Stream.takeWhile(tape.records({ allowGaps: true }), (record) => {
      const line = JSON.stringify(record)
      lines.push(line)
      size += line.length
      return size < sampleBytes
    })
    yield* Stream.runDrain(records)
    const sample = Buffer.from(lines.join("\n"))
    return sample.length === 0 ? 1 : Math.min(1, zstdCompressSync(sample).length / sample.length)
  })

const describe = (lib: LibService, name: string) =>
  Effect.gen(function* () {
    const tape = yield* tapeOf(lib, name)
    const segments = yield* tape.segments
    const records = yield* tape.size
    const sum = (of: (segment: (typeof segments)[number]) => number): number =>
      segments.reduce((total, segment) => total + of(segment), 0)
    const plain = sum(({ bytes: size, compression }) => (compression === "none" ? size : 0))
    const zstdBytes =
      plain === 0
        ? sum((segment) => segment.bytes)
        : Math.round(plain * (yield* zstdShare(tape)) + sum((segment) => segment.bytes) - plain)
    return {
      name,
      records,
      bytes: sum((segment) => segment.bytes),
      rawBytes: sum((segment) => segment.rawBytes),
      segments: segments.length,
      smallSegments: segments.filter((segment) => segment.rawBytes < smallBytes).length,
      unclosed: records - sum((segment) => segment.records),
      zstdBytes
    }
  })

const timeOf = (store: EventStore["Service"], direction: "forward" | "backward") =>
  Effect.map(Stream.runCollect(store.readAll({ direction, limit: 1, allowGaps: true })), ([event]) => event?.time)

const program = (most: Option.Option<number>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* reader
    const store = yield* storeOf(lib)
    const { position } = yield* lib.durable
    const first = yield* timeOf(store, "forward")
    const last = yield* timeOf(store, "backward")
    const tapes = yield* Effect.forEach(yield* lib.tapes, ({ name }) => describe(lib, name))
    const largest = Option.isNone(most)
      ? undefined
      : (yield* listStreams(store, [], true)).toSorted((a, b) => b.events - a.events).slice(0, most.value)
    if (yield* JsonFlag) {
      return yield* output.json({
        lib: lib.id,
        position,
        first,
        last,
        tapes,
        ...(largest === undefined ? {} : { streams: largest })
      })
    }
    const stored = tapes.reduce((sum, tape) => sum + tape.bytes, 0)
    const packed = tapes.reduce((sum, tape) => sum + tape.zstdBytes, 0)
    yield* output.pairs([
      ["position", count(position)],
      ...(first === undefined || last === undefined
        ? []
        : ([
            ["first event", time(first)],
            ["last event", time(last)],
            ["on average", rate(position, Date.parse(last) - Date.parse(first))]
          ] as const)),
      ["segments", `${count(tapes.reduce((sum, tape) => sum + tape.segments, 0))}, ${bytes(stored)}`],
      ["repack with zstd", `about ${bytes(packed)}, saves ${bytes(Math.max(0, stored - packed))}`]
    ])
    if (tapes.length === 0) return
    yield* output.print([""])
    yield* output.table(
      [
        { title: "tape", flexible: true },
        { title: "records", align: "right" },
        { title: "bytes", align: "right" },
        { title: "raw", align: "right" },
        { title: "segments", align: "right" },
        { title: "small", align: "right" },
        { title: "unclosed", align: "right" },
        { title: "with zstd", align: "right" }
      ],
      tapes.map((tape) => [
        tape.name,
        count(tape.records),
        bytes(tape.bytes),
        bytes(tape.rawBytes),
        count(tape.segments),
        count(tape.smallSegments),
        count(tape.unclosed),
        bytes(tape.zstdBytes)
      ])
    )
    if (largest === undefined) return
    yield* output.print([""])
    yield* output.table(
      streamColumns,
      largest.map((row) => [row.stream, count(row.events), String(row.revision), time(row.last)])
    )
  })

export const run = ({ streams }: { readonly streams: Option.Option<number> }) => within(program(streams))
