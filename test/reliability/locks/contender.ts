/**
 * A process that tries to write to the lib at its first argument, again and again, until it is killed.
 *
 * - `fight`: opens the lib, appends a few numbered batches, closes it, and starts over.
 * - `stay`: opens it once, then appends, flushes and repacks until it is refused.
 * - `drop`: opens the lib, drops the kernel's lock by opening and closing the lock file, appends, flushes and repacks,
 *   closes the lib, and starts over. Another writer may come in at any moment.
 *
 * Lines: `<name> in`, `<name> locked`, `<name> ack <n> <ordinal> <batch>`, `<name> out`, `<name> stopped <tag>`,
 * `<name> error <tag>: <message>`.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as fs from "node:fs"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import type { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import { say } from "../../support/children.ts"
import { recordsOf, tapeName } from "./numbered.ts"

const [location, name, mode, seedText] = process.argv.slice(2) as [
  string | undefined,
  string,
  "fight" | "stay" | "drop" | undefined,
  string
]

let n = 0

const append = Effect.fnUntraced(function* (tape: Tape.Tape["Service"]) {
  const receipt = yield* tape.append(recordsOf(name, n))
  say(`${name} ack ${n} ${receipt.firstOrdinal} ${receipt.batch}`)
  n += 1
})

const inLib = <A, E>(body: (tape: Tape.Tape["Service"]) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const lib = yield* Lib.open(location!, { closeBytes: 4096, backlogMax: 2 })
      say(`${name} in`)
      yield* body(yield* Effect.provideService(Tape.makeOrCreate(tapeName), Lib.Lib, lib))
      // Printed while the lock is still held: another contender may open the lib as soon as the scope has closed.
      say(`${name} out`)
    })
  )

const fight = Effect.forever(
  Effect.suspend(() => {
    const rounds = 1 + ((n * 7 + Number(seedText)) % 5)
    return inLib((tape) => Effect.forEach(Array.from({ length: rounds }), () => append(tape), { discard: true }))
  }).pipe(
    Effect.catchTag("LibLocked", () =>
      Effect.andThen(
        Effect.sync(() => say(`${name} locked`)),
        Effect.sleep("4 millis")
      )
    )
  )
)

const stay = inLib((tape) =>
  Effect.forever(
    Effect.gen(function* () {
      for (let round = 0; round < 4; round++) yield* append(tape)
      yield* tape.appendSegment
      for (let round = 0; round < 4; round++) yield* append(tape)
      // A repack that cannot write fails alone. The next operation shows whether the lock is lost.
      yield* Effect.ignore(tape.repack({ targetBytes: 2000, compression: n % 3 === 0 ? "zstd" : "none" }))
      yield* tape.setUserMeta("n", n)
    })
  )
).pipe(Effect.catch((error) => Effect.sync(() => say(`${name} stopped ${error._tag}`))))

/** What any program does that reads the lib's folder: POSIX drops all locks of this process on the file. */
const dropLock = Effect.sync(() => fs.closeSync(fs.openSync(`${location}/litelib.lock`, "r")))

/** Appends the next batch. Its number is never used again, whatever comes of it. */
const appendNext = Effect.fnUntraced(function* (tape: Tape.Tape["Service"]) {
  const mine = n
  n += 1
  const receipt = yield* tape.append(recordsOf(name, mine))
  say(`${name} ack ${mine} ${receipt.firstOrdinal} ${receipt.batch}`)
})

/** Errors by which a writer learns that another one has taken over, or is about to. */
const overtaken = ["LibLocked", "CommitOutcomeUnknown", "WriterPoisoned", "StorageError"] as const

const drop = Effect.forever(
  inLib((tape) =>
    Effect.gen(function* () {
      for (let round = 0; round < 12; round++) {
        if (round % 4 === 1) yield* dropLock
        yield* appendNext(tape)
        if ((round + Number(seedText)) % 5 === 0) yield* tape.appendSegment
        if (round === 9) yield* tape.repack({ targetBytes: 2000 })
      }
      yield* dropLock
    })
  ).pipe(
    Effect.catchTag(overtaken, ({ _tag }) =>
      Effect.andThen(
        Effect.sync(() => say(`${name} stopped ${_tag}`)),
        Effect.sleep("2 millis")
      )
    )
  )
)

const modes = { fight, stay, drop }

const chosen: Effect.Effect<void, { readonly _tag: string; readonly message: string }, Storage> = modes[mode ?? "fight"]

const program = chosen.pipe(
  Effect.catch((error) => Effect.sync(() => say(`${name} error ${error._tag}: ${error.message}`))),
  Effect.catchDefect((defect) => Effect.sync(() => say(`${name} error defect: ${defect}`))),
  Effect.provide(Logger.layer([]))
)

if (location !== undefined) await Effect.runPromise(Effect.provide(program, NodeStorage.layer))
