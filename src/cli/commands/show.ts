/** `litetapes show` */
import * as Effect from "effect/Effect"
import { JsonFlag } from "../flags.ts"
import { reader, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { bytes, count, time } from "../text/units.ts"
import { visibleJson } from "../text/visible.ts"

const program = (name: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* reader
    const tape = yield* tapeOf(lib, name)
    const meta = yield* tape.meta
    const segments = yield* tape.segments
    if (yield* JsonFlag) {
      const { created, lib: libId, origin, records, role, state, userMeta } = meta
      return yield* output.json({
        tape: meta.tape,
        name: meta.name,
        lib: libId,
        role,
        state,
        created,
        origin,
        records,
        userMeta,
        segments: segments.map((segment) => ({
          number: segment.number,
          name: segment.name,
          firstOrdinal: segment.firstOrdinal,
          records: segment.records,
          bytes: segment.bytes,
          rawBytes: segment.rawBytes,
          compression: segment.compression,
          sha256: segment.sha256
        }))
      })
    }
    const inSegments = segments.reduce((sum, segment) => sum + segment.records, 0)
    yield* output.pairs([
      ["name", meta.name],
      ["id", meta.tape],
      ["lib", meta.lib],
      ["role", meta.role],
      ["state", meta.state],
      ["created", time(meta.created)],
      ["origin", meta.origin.kind],
      ["records", count(meta.records)],
      ["not in segments yet", count(meta.records - inSegments)],
      ...Object.entries(meta.userMeta).map(([key, value]) => [`meta ${key}`, visibleJson(value)] as const)
    ])
    if (segments.length === 0) return
    yield* output.print([""])
    yield* output.table(
      [
        { title: "segment", align: "right" },
        { title: "first", align: "right" },
        { title: "records", align: "right" },
        { title: "bytes", align: "right" },
        { title: "raw", align: "right" },
        { title: "compression" },
        { title: "file", flexible: true }
      ],
      segments.map((segment) => [
        String(segment.number),
        count(segment.firstOrdinal),
        count(segment.records),
        bytes(segment.bytes),
        bytes(segment.rawBytes),
        segment.compression,
        segment.name
      ])
    )
  })

export const run = ({ tape }: { readonly tape: string }) => within(program(tape))
