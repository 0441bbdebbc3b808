/**
 * Opens the lib at its first argument and appends to it as fast as it can, until it is killed. Each acknowledgement is
 * on standard output before the next append of its lane begins.
 *
 * Batch `seq` of lane `lane` in run `run` has records `{run, lane, seq, of, n}`, `n` from 0 to before `of`, spread over the
 * tapes that `partsOf` gives. Lines: `opening`, `open`, `ack <lane> <seq> <first ordinal of each part>`, `closed`.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import { lanes, partsOf, tapeNames } from "../support/killBatches.ts"

const [location, runText, mode] = process.argv.slice(2) as [string, string, "append" | "reopen"]
const run = Number(runText)

const say = (line: string): void => {
  fs.writeSync(1, `${line}\n`)
}

const append = (lib: Lib.Lib["Service"], lane: number, seq: number) =>
  Effect.map(lib.commit(partsOf(run, lane, seq)), (receipts) =>
    say(`ack ${lane} ${seq} ${receipts.map(({ firstOrdinal }) => firstOrdinal).join(" ")}`)
  )

const next = Array.from({ length: lanes }, () => 0)

/** One session: `rounds` appends a lane. */
const session = (rounds: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      say("opening")
      const lib = yield* Lib.open(location, { closeBytes: 4096, backlogMax: 2 })
      say("open")
      for (const name of tapeNames) yield* Effect.provideService(Tape.makeOrCreate(name), Lib.Lib, lib)
      const oneLane = Effect.fnUntraced(function* (lane: number) {
        for (let round = 0; round < rounds; round++) {
          const seq = next[lane]!
          next[lane] = seq + 1
          yield* append(lib, lane, seq)
        }
      })
      yield* Effect.forEach(next.keys(), oneLane, { concurrency: "unbounded", discard: true })
    })
  )

const program = Effect.forever(
  Effect.andThen(
    session(mode === "append" ? Number.POSITIVE_INFINITY : 3),
    Effect.sync(() => say("closed"))
  )
)

await Effect.runPromise(Effect.provide(program, NodeStorage.layer))
