/** What may happen to the files of a lib, and what may not: every byte is checked, segments are compressed, a tape cloned. */
import * as Effect from "effect/Effect"
import * as Lib from "litetapes/Lib"
import type * as Proof from "litetapes/Proof"
import * as Tape from "litetapes/Tape"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { Broken } from "./crash.ts"
import { duration, number, several, size, step, table } from "./print.ts"

/** Steps 6 to 8, on a lib that is open for writing. */
export const packing = Effect.gen(function* () {
  yield* step(
    "6. The lib is verified: every line, hash and Merkle state of every file.",
    verifying,
    ({ segments, records, bytes }, millis) =>
      `${several(records, "record")} in ${several(segments, "segment")}, ${size(bytes)}, are as they should be (${duration(millis)}).`
  )
  const tape = yield* mainTape
  const before = yield* tape.head
  yield* step(
    "7. Every tape is repacked: the same records in other segments, compressed with zstd.",
    repacking,
    (rows, millis) => {
      const [was, is] = [sum(rows.map((row) => row.before)), sum(rows.map((row) => row.after))]
      const lines = rows.map((row) => [`${row.name}/`, row.records, size(row.before), size(row.after)])
      return `\n${table(["tape", "records", "before", "after"], lines)}\n\n   ${size(was)} before, ${size(is)} after, in ${duration(millis)}.`
    }
  )
  yield* step(
    `8. The tape \`${tape.name}\` is cloned into another lib.`,
    cloning(tape, before),
    () =>
      `The tape as it was, repacked, and its clone: all three are equivalent, ${several(before.records, "record")} with the root ${before.root.slice(0, 16)}…`
  )
})

/** The tape that is looked at more closely; a repository without commits has none of its own. */
export const mainTape = Effect.gen(function* () {
  const { tapes } = yield* Lib.Lib
  const name = (yield* tapes).some((listed) => listed.name === "commit") ? "commit" : "scratch"
  return yield* Tape.make(name)
})

const verifying = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const report = yield* lib.verify()
  const [bad] = report.bad
  if (bad !== undefined) return yield* new Broken({ message: `${bad.file}: ${bad.why}` })
  return report
})

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, one) => total + one, 0)

const bytesOf = (tape: Tape.Tape["Service"]) =>
  Effect.map(tape.segments, (segments) => sum(segments.map((segment) => segment.bytes)))

const repacking = Effect.gen(function* () {
  const { tapes } = yield* Lib.Lib
  return yield* Effect.forEach(yield* tapes, ({ name }) =>
    Effect.gen(function* () {
      const tape = yield* Tape.make(name)
      yield* tape.appendSegment
      const before = yield* bytesOf(tape)
      yield* tape.repack({ compression: "zstd", why: "the example shows it" })
      return { name, records: yield* tape.size, before, after: yield* bytesOf(tape) }
    })
  )
})

const scratchFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(tmpdir(), "litetapes-clone-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

/** Clones `tape` into a lib for the occasion, and compares both with what the tape was. */
const cloning = (tape: Tape.Tape["Service"], before: Proof.Head) =>
  Effect.scoped(
    Effect.gen(function* () {
      const other = yield* Lib.open(path.join(yield* scratchFolder, "lib"))
      yield* tape.clone(other, "clone")
      const clone = yield* Effect.provideService(Tape.make("clone"), Lib.Lib, other)
      // Out of the records themselves: what meta says of them was written by the repack.
      yield* tape.checkHead(before)
      if (!(yield* Tape.equivalent(tape, clone))) {
        return yield* new Broken({ message: `${number(before.records)} records were cloned, and others came out` })
      }
    })
  )
