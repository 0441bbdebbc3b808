/** Verifies every byte of a lib, compresses its segments and clones a tape. The records must stay the same. */
import * as Effect from "effect/Effect"
import * as Lib from "litetapes/Lib"
import type * as Proof from "litetapes/Proof"
import * as Tape from "litetapes/Tape"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { Broken } from "./crash.ts"
import { duration, number, several, size, step, table } from "./print.ts"

/** Runs steps 6 to 8 on a lib that is open for writing. */
export const packing = Effect.gen(function* () {
  yield* step(
    "6. The lib is verified: every line, hash and Merkle state of every file.",
    verifying,
    ({ segments, records, bytes }, millis) =>
      `${several(records, "record")} in ${several(segments, "segment")}, ${size(bytes)}, are intact (${duration(millis)}).`
  )
  const tape = yield* mainTape
  const before = yield* tape.head
  yield* step(
    "7. Every tape is repacked: its records move into other segments, compressed with zstd.",
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
      `The original tape, the repacked one and the clone: all three are equivalent, ${several(before.records, "record")} with the root ${before.root.slice(0, 16)}…`
  )
})

/** Opens the tape that the later steps use. A repository without commits has only the scratch tape. */
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
      yield* tape.repack({ compression: "zstd", why: "shown by the example" })
      return { name, records: yield* tape.size, before, after: yield* bytesOf(tape) }
    })
  )
})

const scratchFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(tmpdir(), "litetapes-clone-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

/** Clones `tape` into a temporary lib, and compares both with the head that the tape had before. */
const cloning = (tape: Tape.Tape["Service"], before: Proof.Head) =>
  Effect.scoped(
    Effect.gen(function* () {
      const other = yield* Lib.open(path.join(yield* scratchFolder, "lib"))
      yield* tape.clone(other, "clone")
      const clone = yield* Effect.provideService(Tape.make("clone"), Lib.Lib, other)
      // Check the records themselves: the root in meta was written by the repack.
      yield* tape.checkHead(before)
      if (!(yield* Tape.equivalent(tape, clone))) {
        return yield* new Broken({
          message: `the clone differs from the ${number(before.records)} records of the tape`
        })
      }
    })
  )
