/** Does everything that a program may do with a lib to one that may be hostile. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as EventStore from "litetapes/EventStore"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import type * as Tape from "litetapes/Tape"
import type { Random } from "../random.ts"
import { type Asker, askerOf, type Findings, listening, noFindings, openTape, tapesOf } from "./asker.ts"
import { type Files, type MemoryDisk, memoryDisk, place } from "./memoryDisk.ts"
import { readLib } from "./readQuestions.ts"

const writeTape = ({ ask, random }: Asker, lib: Lib.Lib["Service"], tape: Tape.Tape["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { name } = tape
    const repack = {
      compression: random.pick(["none", "gzip", "zstd", "keep"] as const),
      targetBytes: random.pick([300, 1000, 1 << 20]),
      dedup: random.next() < 0.3,
      force: random.next() < 0.6,
      shardEvery: random.pick([0, 0, 3])
    }
    const steps: ReadonlyArray<() => Effect.Effect<unknown>> = [
      () => ask(`${name}.append`, tape.append([{ later: true }, { later: random.below(10) }])),
      () => ask(`${name}.appendSegment`, tape.appendSegment),
      () => ask(`${name}.setUserMeta`, tape.setUserMeta("key", { a: 1 })),
      () => ask(`${name}.removeUserMeta`, tape.removeUserMeta("colour")),
      () => ask(`${name}.repack ${JSON.stringify(repack)}`, tape.repack(repack)),
      () => ask(`${name}.clone`, tape.clone(lib, `${name.slice(0, 20)}-copy`)),
      () => ask(`${name}.verify`, tape.verify())
    ]
    for (let n = 0; n < 3; n++) yield* random.pick(steps)()
  })

const write = (asker: Asker, lib: Lib.Lib["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { ask, random, sometimes } = asker
    const tapes = yield* tapesOf(asker, lib)
    for (const { name } of tapes) {
      yield* sometimes(0.15, `recoverTape ${name.slice(0, 40)}`, lib.recoverTape(name))
      const tape = yield* openTape(asker, lib, name)
      if (tape !== undefined) yield* writeTape(asker, lib, tape)
      else yield* ask(`recoverTape ${name.slice(0, 40)}`, lib.recoverTape(name))
      yield* sometimes(0.1, "archive", lib.archive(name))
    }
    yield* sometimes(0.3, "createTape", lib.createTape("another"))
    const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
    for (const stream of ["order-1", "customer-1", "fresh-1"]) {
      const id = random.next() < 0.5 ? { id: `event-${random.below(9)}` } : {}
      const expected = random.pick(["any", "no-stream", "stream-exists", 2] as const)
      yield* sometimes(0.5, "append", store.append(stream, [{ type: "Later", data: 1, ...id }], { expected }))
      const condition = { failIfEventsMatch: [{ tags: ["tag"] }], after: "nothing" as const }
      yield* sometimes(0.2, "append if", store.append(stream, [{ type: "Later", tags: ["tag"] }], { condition }))
    }
    const appends = tapes.map(({ name }) => ({ tape: name, records: [{ together: true }] }))
    yield* sometimes(0.5, "commit", lib.commit(appends))
    for (const consumer of ["answers", "shipping"]) {
      const checkpoint = { consumer, version: 3, position: 0 }
      yield* sometimes(
        0.2,
        `checkpoint of ${consumer}`,
        store.append("order-2", [{ type: "Answered" }], { checkpoint })
      )
    }
    yield* sometimes(0.5, "close", lib.close)
  })

/** Opens the lib on a disk, uses it and closes it. */
const inSession = (
  asker: Asker,
  disk: MemoryDisk,
  options: Lib.Options,
  use: (asker: Asker, lib: Lib.Lib["Service"]) => Effect.Effect<void>
): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const { ask, findings } = asker
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const opened = yield* ask(
      "the whole session",
      Effect.scoped(
        Effect.gen(function* () {
          const lib = yield* ask("open", Effect.provideService(Lib.open(place, options), Storage, storage))
          if (lib === undefined) return false
          yield* use(asker, lib)
          return true
        })
      )
    )
    for (const path of disk.outside.splice(0)) findings.blames.push(`a path outside the lib: ${path}`)
    return opened ?? false
  })

/** Reads the lib, backs it up into memory, and restores and reads that. */
const copy = (asker: Asker, lib: Lib.Lib["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { ask, random } = asker
    const storage = yield* MemoryStorage.make
    const made = yield* ask("backup", lib.backup("backup", { storage }))
    if (made === undefined) return
    yield* ask("backup again", lib.backup("backup", { storage }))
    const upTo = random.below(made.place.position + 1)
    const restored = ask(
      "Lib.restore",
      Effect.provideService(Lib.restore("backup", "restored", { upTo }), Storage, storage)
    )
    if ((yield* restored) === undefined) return
    const opening = Effect.provideService(Lib.open("restored", { mode: "read" }), Storage, storage)
    yield* ask("the restored lib", Effect.scoped(Effect.flatMap(opening, (copied) => readLib(asker, copied))))
  })

/** Restores what may be a backup, whatever is wrong with it. */
const restore = (asker: Asker, disk: MemoryDisk): Effect.Effect<void> =>
  Effect.gen(function* () {
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const to = yield* MemoryStorage.make
    const options = asker.random.next() < 0.5 ? {} : { upTo: asker.random.below(8) }
    const restoring = Lib.restore(place, "restored", { storage, ...options })
    yield* asker.ask("Lib.restore", Effect.provideService(restoring, Storage, to))
  })

const recover = (asker: Asker, disk: MemoryDisk): Effect.Effect<void> =>
  Effect.gen(function* () {
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    yield* asker.ask("Lib.recover", Effect.provideService(Lib.recover(place), Storage, storage))
  })

/** Reads the lib. Then mostly writes to it or recovers it, from the unchanged files, and reads the result. */
export const exercise = (files: Files, touched: ReadonlySet<string>, random: Random): Promise<Findings> => {
  const findings = noFindings()
  const later: Findings = { ...noFindings(), blames: findings.blames }
  const asker = (session: string, into = later) => askerOf(into, session, random, touched)
  const program = Effect.gen(function* () {
    const canRead = yield* inSession(asker("reader", findings), memoryDisk(files), { mode: "read" }, readLib)
    if (findings.outcome === "") findings.outcome = "ok"
    const what = random.next()
    if (what < (canRead ? 0.45 : 0.4)) {
      const disk = memoryDisk(files)
      const options = { closeBytes: random.pick([1, 1 << 20]), mergeSegments: 2 }
      yield* inSession(asker("writer"), disk, options, write)
      if (random.next() < 0.5) yield* inSession(asker("next writer"), disk, {}, readLib)
    } else if (what < (canRead ? 0.5 : 0.7)) {
      const disk = memoryDisk(files)
      yield* recover(asker("recover"), disk)
      yield* inSession(asker("after recovery"), disk, {}, readLib)
    } else if (what < 0.8) {
      yield* inSession(asker("backup"), memoryDisk(files), { mode: "read" }, copy)
      yield* restore(asker("restore"), memoryDisk(files))
    }
  })
  const run = Effect.provide(program, Logger.layer([listening(findings)]))
  return Effect.runPromise(run).then(() => findings)
}
