/**
 * Tapes without events: records in order, batches over several tapes, user metadata, ranges, segments. Every step
 * checks its result, and the program fails if a check does.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import * as Merkle from "litetapes/Merkle"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import * as TaraSON from "litetapes/TaraSON"
import * as assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const appending = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const readings = yield* Tape.makeOrCreate("readings")
  yield* Tape.makeOrCreate("journal")

  const receipt = yield* readings.append([
    { $type: "Reading", sensor: "roof", celsius: 3.5 },
    { celsius: 19, $type: "Reading", sensor: "hall" }
  ])
  yield* Console.log(
    `Appended: ${receipt.records} records from ordinal ${receipt.firstOrdinal} on, in batch ${receipt.batch}.`
  )

  // One batch over two tapes: after a crash both tapes have it, or neither.
  const receipts = yield* lib.commit([
    { tape: "readings", records: [{ $type: "Reading", sensor: "cellar", celsius: 11.25 }] },
    { tape: "journal", records: [{ $type: "Note", text: "the cellar has a sensor now" }] }
  ])
  assert.deepEqual(new Set(receipts.map(({ batch }) => batch)).size, 1)
  yield* Console.log(`One batch over ${receipts.map(({ tape }) => tape).join(" and ")}: number ${receipts[0]!.batch}.`)

  const refused = yield* Effect.flip(readings.append([{ celsius: Number.NaN }]))
  yield* Console.log(`Refused: ${refused.message}`)

  yield* readings.setUserMeta("unit", { of: "celsius", symbol: "°C" })
  yield* readings.setUserMeta("draft", true)
  yield* readings.removeUserMeta("draft")
  assert.deepEqual((yield* readings.meta).userMeta, { unit: { of: "celsius", symbol: "°C" } })
  yield* Console.log("User metadata: two values set, one removed.")
})

const reading = Effect.gen(function* () {
  const readings = yield* Tape.make("readings")
  const sensors = (range?: Tape.RecordRange) =>
    Effect.map(Stream.runCollect(readings.records(range)), (records) => records.map((record) => record["sensor"]))

  assert.deepEqual(yield* sensors(), ["roof", "hall", "cellar"])
  assert.deepEqual(yield* sensors({ from: 1, to: 2 }), ["hall"])
  assert.deepEqual(yield* sensors({ reverse: true }), ["cellar", "hall", "roof"])
  yield* Console.log("Read forwards, in a range, and backwards.")
})

/** Shows that segments are files of canonical lines: the id of a record is the hash of its line. */
const segments = Effect.fnUntraced(function* (folder: string) {
  const readings = yield* Tape.make("readings")
  yield* readings.appendSegment
  yield* Stream.runForEach(readings.iterateSegments, (segment) =>
    Effect.gen(function* () {
      const { name, records, bytes } = yield* segment.verify
      yield* Console.log(`Segment ${name}: ${records} records, ${bytes} bytes, verified.`)
    })
  )
  const [info] = yield* readings.segments
  const file = readFileSync(join(folder, "readings", info!.name))
  assert.equal(createHash("sha256").update(file).digest("hex"), info!.sha256)

  // head -1 seg-000001.jsonl | tr -d '\n' | sha256sum
  const line = file.subarray(0, file.indexOf("\n"))
  const sum = createHash("sha256").update(line).digest("hex")
  const record = { sensor: "roof", celsius: 3.5, $type: "Reading" }
  assert.equal(TaraSON.recordId(TaraSON.encode(record)), `sha256:${sum}`)
  yield* Console.log(`${line.toString()}\n  has the id sha256:${sum}`)
  yield* Console.log(`Root over the whole tape: ${Merkle.root(info!.merkle)}`)
})

const archiving = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const journal = yield* Tape.make("journal")
  yield* lib.archive("journal")
  const refused = yield* Effect.flip(journal.append([{ $type: "Note", text: "too late" }]))
  assert.equal(yield* journal.size, 1)
  yield* Console.log(`Archived: ${refused.message}`)
  yield* lib.activate("journal")
  yield* journal.append([{ $type: "Note", text: "in time" }])
  yield* Console.log("Activated, and appended to.")
})

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-tapes-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

Effect.gen(function* () {
  const location = join(yield* folder, "lib")
  const program = Effect.all([appending, reading, segments(location), archiving], { discard: true })
  yield* Effect.provide(program, Lib.layer(location))
  // A reader, which takes no lock, reads the closed lib.
  yield* Effect.provide(reading, Lib.layer(location, { mode: "read" }))
}).pipe(Effect.scoped, Effect.provide(NodeStorage.layer), NodeRuntime.runMain)
