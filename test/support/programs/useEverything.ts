/** Makes a lib that has all kinds of files, in the folder of the first argument, and leaves it as a crash would. */
import * as Effect from "effect/Effect"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import * as fs from "node:fs"
import * as path from "node:path"

const at = process.argv[2]!

const filling = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const notes = yield* Tape.makeOrCreate("notes")
  yield* notes.append([{ n: 1 }])
  yield* notes.repack({ compression: "zstd", shardEvery: 100, force: true })
  yield* notes.append([{ n: 2 }])
  yield* Effect.ignore(lib.createTape("notes"))
})

const leaving = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  fs.mkdirSync(path.join(at, "fresh"), { mode: 0o700 })
  fs.chmodSync(path.join(at, "fresh"), 0o700)
  yield* lib.createTape("fresh")
  const notes = yield* Tape.make("notes")
  yield* notes.append([{ n: 3 }])
  yield* notes.appendSegment
  yield* notes.append([{ n: 4 }])
  process.exit(0)
})

const tear = Effect.sync(() => {
  const live = fs.readdirSync(at).find((name) => name.startsWith("litelib.dynamic-"))!
  fs.appendFileSync(path.join(at, live), '{"torn')
})

/** Replaces the lib by a copy that was made before its writer closed, which looks as if the writer had been killed. */
const killed = Effect.gen(function* () {
  const copy = `${at}.copy`
  yield* Effect.scoped(
    Effect.gen(function* () {
      const lib = yield* Lib.open(at)
      yield* lib.commit([{ tape: "notes", records: [{ n: 2.5 }] }])
      fs.cpSync(at, copy, { recursive: true, filter: (name) => path.basename(name) !== "litelib.lock" })
    })
  )
  fs.rmSync(at, { recursive: true })
  fs.renameSync(copy, at)
})

await Effect.runPromise(
  Effect.provide(filling, Lib.layer(at)).pipe(
    Effect.andThen(killed),
    Effect.andThen(tear),
    Effect.andThen(Effect.provide(leaving, Lib.layer(at))),
    Effect.provide(NodeStorage.layer)
  )
)
