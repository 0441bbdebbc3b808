/**
 * Measures the speed and size of operations on whole tapes: verify, repack, clone, diff, proofs.
 * `npm run bench:transforms -- --events 100000`.
 */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import { EventStore, Lib, NodeStorage, Tape } from "./litetapes.ts"
import { bulkEvents } from "./workloads/events.ts"
import { byStream } from "./peers/byStream.ts"

checkEngine()
const { values } = parseArgs({
  options: { events: { type: "string", default: "1000000" }, folder: { type: "string", default: tmpdir() } }
})
const events = Number(values.events)
const root = mkdtempSync(join(values.folder, "litetapes-bench-"))

const timed = <A, E, R>(what: string, bytes: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    const result = yield* effect
    const millis = performance.now() - start
    const speed = Math.round(bytes / 1000 / millis)
    console.log(`${what.padEnd(34)}${(millis / 1000).toFixed(2).padStart(8)} s ${String(speed).padStart(6)} MB/s`)
    return result
  })

const fill = Effect.scoped(
  Effect.gen(function* () {
    const store = yield* EventStore.open(join(root, "lib"))
    for (let n = 0; n < events / 1000; n++) {
      const batch = byStream(bulkEvents(n * 1000, (n + 1) * 1000, 10_000, true))
      yield* store.appendAll(Array.from(batch, ([stream, events]) => ({ stream, events })))
    }
  })
)

const measure = Effect.scoped(
  Effect.gen(function* () {
    const lib = yield* Lib.open(join(root, "lib"))
    const tape = yield* Effect.provideService(Tape.make("order"), Lib.Lib, lib)
    const bytesOf = Effect.map(tape.segments, (segments) => segments.reduce((sum, { bytes }) => sum + bytes, 0))
    const plain = yield* bytesOf
    const before = yield* tape.head
    console.log(`${events.toLocaleString("en-US")} events, ${Math.round(plain / 1e6)} MB; node ${process.version}`)
    yield* timed("verify, depth files", plain, lib.verify({ depth: "files" }))
    yield* timed("verify, depth files, second time", plain, lib.verify({ depth: "files" }))
    const report = yield* timed("verify, depth records", plain, lib.verify())
    if (!report.ok) throw new Error("the lib is damaged")
    for (const compression of ["zstd", "gzip", "none"] as const) {
      const done = yield* timed(`repack to ${compression}`, plain, tape.repack({ compression }))
      const share = ((100 * done.bytesAfter) / plain).toFixed(1)
      console.log(`${"".padEnd(34)}${Math.round(done.bytesAfter / 1e6)} MB, ${share} % of the plain bytes`)
      if ((yield* tape.head).root !== before.root) throw new Error("the repack changed the root")
    }
    yield* timed("clone", plain, tape.clone(lib, "copy"))
    const copy = yield* Effect.provideService(Tape.make("copy"), Lib.Lib, lib)
    yield* timed("equivalent", 0, Tape.equivalent(tape, copy))
    yield* timed("diff of equivalent tapes", plain, Tape.diff(tape, copy))
    yield* timed("inclusion proof", plain, tape.proveInclusion(Math.floor(events / 2)))
    console.log(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
  })
)

try {
  await Effect.runPromise(Effect.andThen(fill, measure).pipe(Effect.provide(NodeStorage.layer)))
} finally {
  rmSync(root, { recursive: true, force: true })
}
