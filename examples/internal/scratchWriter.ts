/**
 * A process that is made to be killed: it appends records to a scratch tape and says after each acknowledgement how many
 * are safe. `node scratchWriter.ts <lib> <run>`
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import { writeSync } from "node:fs"

const [location = "", run = ""] = process.argv.slice(2)

/** It ends by itself, should nobody kill it. */
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
