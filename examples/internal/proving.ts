/** Shows the use of the hashes: it proves that a record is on a tape without the tape, and finds a damaged file. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import * as Proof from "litetapes/Proof"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { Broken } from "./crash.ts"
import { mainTape } from "./packing.ts"
import { duration, number, several, step } from "./print.ts"

/** Runs steps 9 and 10 on the lib in `folder`, which is open for reading. */
export const proving = Effect.fnUntraced(function* (folder: string) {
  const tape = yield* mainTape
  const kept = yield* tape.head
  yield* step(
    `9. With the head of \`${tape.name}\` (id, number of records, root), one need not trust its files.`,
    proveLast,
    ({ ordinal, bytes }, millis) =>
      `Record ${number(ordinal)} is proved to be one of ${several(kept.records, "record")} by ${several(bytes, "byte")} of proof (made and checked in ${duration(millis)}).`
  )
  yield* step(
    "10. One bit is flipped in a copy of the lib, and the copy is verified.",
    Effect.scoped(damaging(folder)),
    ({ at, why }, millis) => `The bit was in byte ${number(at)}. Found after ${duration(millis)}: ${why}`
  )
})

/** Proves that the last record is on the tape, and checks the proof with only the head and the record. */
const proveLast = Effect.gen(function* () {
  const tape = yield* mainTape
  const kept = yield* tape.head
  const ordinal = kept.records - 1
  const [record] = yield* Stream.runCollect(tape.records({ from: ordinal }))
  const proof = yield* tape.proveInclusion(ordinal)
  const proved = Proof.sameHead(proof.head, kept) && Proof.checkInclusion(record, proof)
  if (!proved || Proof.checkInclusion({ ...record, forged: true }, proof)) {
    return yield* new Broken({ message: "a proof of the record was refused, or one of a forged record was accepted" })
  }
  return { ordinal, bytes: Buffer.byteLength(JSON.stringify(proof)) }
})

/** Damages a copy of the lib. Verify must find the damaged file and no other. */
const damaging = Effect.fnUntraced(function* (folder: string) {
  const copy = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), "litetapes-damaged-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  cpSync(folder, copy, { recursive: true })
  const tape = yield* mainTape
  const [segment] = yield* tape.segments
  const file = `${tape.name}/${segment!.name}`
  const at = Math.floor(segment!.bytes / 2)
  const bytes = readFileSync(path.join(copy, file))
  bytes[at]! ^= 1
  writeFileSync(path.join(copy, file), bytes)
  const lib = yield* Lib.open(copy, { mode: "read" })
  const { bad } = yield* lib.verify()
  if (bad.length !== 1 || bad[0]!.file !== file) {
    return yield* new Broken({
      message: `verify found ${several(bad.length, "bad file")} instead of ${file} alone`
    })
  }
  return { at, why: bad[0]!.why }
})

/** Prints how to read the files without this library. */
export const farewell = (folder: string): Effect.Effect<void> => {
  const segments = path.join(path.relative(process.cwd(), folder) || ".", "commit", "seg-*.jsonl.zst")
  const quoted = /^[\w./*-]+$/.test(segments)
    ? segments
    : `'${segments.slice(0, -"seg-*.jsonl.zst".length).replaceAll("'", `'\\''`)}'seg-*.jsonl.zst`
  return Console.log(`
   They are lines of JSON, compressed by zstd. The last five commits:
     zstd -dcq ${quoted} | jq -r '.data | "\\(.at) \\(.author.name): \\(.subject)"' | tail -5
   Run this again, and only new commits are appended. Delete the folder when you no longer need it.`)
}
