/** Valid libs to start from: the frozen fixtures, and libs made here in states that the fixtures lack. */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import * as EventStore from "litetapes/EventStore"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import { Randomness } from "litetapes/Randomness"
import type { JsonObject } from "litetapes/TaraSON"
import type * as Tape from "litetapes/Tape"
import { fixtureFolder, fixtureNames } from "../../support/fixtures.ts"
import { type LibService, openSession, type StorageService, tapeOf } from "../../support/openLib.ts"
import { type Files, memoryDisk, type Node, place } from "./memoryDisk.ts"

export interface Base {
  readonly name: string
  readonly files: Files
  /** How often it is picked, relative to the others. */
  readonly weight: number
}

const readFolder = (folder: string): Files => {
  const files = new Map<string, Node>()
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    files.set(path.relative(folder, file).split(path.sep).join("/"), Uint8Array.from(fs.readFileSync(file)))
  }
  return new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const frozen = (): Array<Base> =>
  fixtureNames()
    .filter((name) => fs.existsSync(path.join(fixtureFolder(name), "lib")))
    .map((name) => ({ name, files: readFolder(path.join(fixtureFolder(name), "lib")), weight: 2 }))

const records = (from: number, to: number, textBytes = 0): ReadonlyArray<JsonObject> =>
  Array.from({ length: to - from }, (_, at) => ({
    $type: "Reading",
    n: from + at,
    deep: { a: [1, { b: null }], ä: "\u2028" },
    text: "x".repeat(textBytes)
  }))

type Make = (lib: LibService, files: () => Files) => Effect.Effect<Files | void, unknown, Lib.Lib>

const packed =
  (options: Tape.RepackOptions): Make =>
  (lib) =>
    Effect.gen(function* () {
      for (const [name, compression] of [
        ["plain", "none"],
        ["gzipped", "gzip"],
        ["zstandard", "zstd"]
      ] as const) {
        const tape = yield* tapeOf(lib, name)
        for (let round = 0; round < 3; round++) yield* tape.append(records(0, 12 + round, 20))
        yield* tape.repack({ compression, ...options })
        yield* tape.append(records(50, 53))
      }
    })

/** Makes files with more than one frame. */
const frames: Make = (lib) =>
  Effect.gen(function* () {
    for (const compression of ["gzip", "zstd"] as const) {
      const tape = yield* tapeOf(lib, compression)
      yield* tape.append(records(0, 40, 30_000))
      yield* tape.repack({ compression })
    }
  })

const appendEvents = (store: EventStore.EventStore["Service"], from: number, to: number) =>
  Effect.gen(function* () {
    for (let n = from; n < to; n++) {
      const event = { type: "Happened", data: { n }, id: `event-${n}`, tags: ["tag"], metadata: { n } }
      const streams = n % 3 === 0 ? [`order-${n % 2}`, "customer-1"] : [`invoice-${n % 4}`]
      yield* store.appendAll(streams.map((stream) => ({ stream, events: [event] })))
    }
  })

const events: Make = () => Effect.flatMap(EventStore.make, (store) => appendEvents(store, 0, 20))

const packedEvents: Make = (lib) =>
  Effect.gen(function* () {
    const store = yield* EventStore.make
    yield* appendEvents(store, 0, 24)
    for (const [name, compression] of [
      ["order", "gzip"],
      ["customer", "zstd"],
      ["invoice", "none"]
    ] as const) {
      const tape = yield* tapeOf(lib, name)
      yield* tape.repack({
        compression,
        targetBytes: 600,
        force: true,
        ...(name === "invoice" ? { shardEvery: 2 } : {})
      })
    }
    yield* appendEvents(store, 24, 30)
  })

/** Makes a lib as a killed writer leaves it: events and records in segments and in two dynamic segments. */
const killed: Make = (lib, files) =>
  Effect.gen(function* () {
    const store = yield* EventStore.make
    yield* appendEvents(store, 0, 6)
    const tape = yield* tapeOf(lib, "notes")
    yield* tape.append(records(0, 5))
    yield* tape.appendSegment
    yield* Effect.flatMap(tapeOf(lib, "order"), (order) => order.appendSegment)
    yield* tape.setUserMeta("colour", { name: "red", rgb: [255, 0, 0] })
    yield* lib.commit([
      { tape: "notes", records: records(5, 8) },
      { tape: "notes", records: records(8, 9) }
    ])
    yield* appendEvents(store, 6, 16)
    return files()
  })

const made: ReadonlyArray<readonly [name: string, weight: number, options: Lib.Options, make: Make]> = [
  ["made-packed", 4, {}, packed({ targetBytes: 700 })],
  ["made-deduped", 4, {}, packed({ dedup: true, shardEvery: 4 })],
  ["made-frames", 1, {}, frames],
  ["made-events", 4, {}, events],
  ["made-events-single", 2, { placement: { kind: "single" } }, events],
  ["made-events-packed", 5, {}, packedEvents],
  ["made-killed", 6, {}, killed]
]

/** Makes a lib in memory. Returns the files that `make` returns, or those after a clean close. */
export const buildLib = (options: Lib.Options, make: Make): Effect.Effect<Files, unknown> =>
  Effect.gen(function* () {
    const disk = memoryDisk(new Map())
    const storage: StorageService = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const { lib, close } = yield* openSession(storage, place, options)
    const files = yield* Effect.ensuring(
      Effect.provideService(
        make(lib, () => disk.files()),
        Lib.Lib,
        lib
      ),
      close
    )
    return files ?? disk.files()
  })

/** Makes all bases, with the same bytes every time. */
export const makeBases = async (): Promise<ReadonlyArray<Base>> => {
  const bases = frozen()
  for (const [name, weight, options, make] of made) {
    let drawn = 0
    const files = await Effect.runPromise(
      Effect.andThen(TestClock.setTime(Date.parse("2026-01-02T03:04:05.678Z")), buildLib(options, make)).pipe(
        Effect.provide(TestClock.layer()),
        Effect.provideService(Randomness, (bytes) =>
          Buffer.alloc(
            bytes,
            createHash("sha256")
              .update(`${name} ${(drawn += 1)}`)
              .digest()
          )
        )
      )
    )
    const kept = [...files].filter(([file, node]) => node !== "folder" && file !== "litelib.lock")
    bases.push({ name, weight, files: new Map(kept.toSorted(([a], [b]) => (a < b ? -1 : 1))) })
  }
  return bases
}
