/** Shows what an acknowledgement means: it kills a child process that appends, and finds every acknowledged record. */
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { duration, number, several, step } from "./print.ts"

/** A promise of the store was broken. */
export class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

/** Acknowledged records after which the child is killed. */
const killAfter = 500

/** Kills a writer of the lib at `location` with SIGKILL, and checks the records that it left. */
export const crash = Effect.fnUntraced(function* (location: string) {
  const run = randomUUID()
  const acknowledged = yield* step(
    "3. A child process appends to the tape `scratch` of this lib, and is killed with SIGKILL in the middle.",
    killedWriter(location, run),
    (count, millis) =>
      `${number(count)} records had been acknowledged when it died, ${duration(millis)} after its start.`
  )
  const { found, report } = yield* step(
    "   The lib is opened again, and takes over what the dead process had committed.",
    Effect.scoped(lookAt(location, run)),
    (_, millis) => `Opened, read and closed in ${duration(millis)}.`
  )
  if (!report.recovered) return yield* new Broken({ message: "the lib did not notice that its writer died" })
  if (found < acknowledged) {
    return yield* new Broken({ message: `${acknowledged} records were acknowledged, but the tape has ${found}` })
  }
  const more = found - acknowledged
  yield* Console.log(
    `   All ${number(acknowledged)} are there${more === 0 ? "" : `, and ${several(more, "record")} more that it died too early to report`}.`
  )
})

const writer = fileURLToPath(import.meta.resolve("./scratchWriter.ts"))

/** Returns the last number of acknowledged records that the child reported. */
const killedWriter = (location: string, run: string): Effect.Effect<number, Broken> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, [...process.execArgv, writer, location, run], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let safe = 0
    createInterface({ input: child.stdout }).on("line", (line) => {
      safe = Number(line)
      if (safe >= killAfter) child.kill("SIGKILL")
    })
    child.on("error", (error) => resume(Effect.fail(new Broken({ message: error.message }))))
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL" || safe >= killAfter) resume(Effect.succeed(safe))
      else resume(Effect.fail(new Broken({ message: `the child process ended by itself (${signal ?? code})` })))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Counts the records of that run. They must be whole batches, in order. */
const lookAt = Effect.fnUntraced(function* (location: string, run: string) {
  const lib = yield* Lib.open(location)
  const tape = yield* Effect.provideService(Tape.make("scratch"), Lib.Lib, lib)
  let found = 0
  yield* Stream.runForEach(tape.records(), (record) => {
    if (record["run"] !== run) return Effect.void
    if (record["n"] !== found) return Effect.fail(new Broken({ message: `record ${found} is not at its place` }))
    found++
    return Effect.void
  })
  if (found % 10 !== 0) return yield* new Broken({ message: "only a part of a batch was found" })
  return { found, report: lib.report }
})
