/**
 * A process to be killed: it appends records to a scratch tape and prints after each acknowledgement how many records
 * have been acknowledged. `node scratchWriter.ts <lib> <run>`
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import { writeSync } from "node:fs"

const [location = "", run = ""] = process.argv.slice(2)

/** The process ends after this many records if nobody kills it. */
const recordsMax = 100_000
const batchRecords = 10

const program = Effect.gen(function* () {
  const tape = yield* Tape.makeOrCreate("scratch")
  for (let n = 0; n < recordsMax; n += batchRecords) {
    const records = Array.from({ length: batchRecords }, (_, index) => ({ $type: "Scratch", run, n: n + index }))
    yield* tape.append(records)
    writeSync(1, `${n + batchRecords}\n`)
  }
})

program.pipe(Effect.provide(Lib.layer(location)), Effect.provide(NodeStorage.layer), NodeRuntime.runMain)
