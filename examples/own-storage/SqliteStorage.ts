/**
 * A custom storage that keeps a lib in one SQLite database. Every writing operation is one transaction, so its effect
 * is stored whole or not at all. The writer's lock is a file next to the database.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Disk } from "litetapes/Disk"
import * as NodeDisk from "litetapes/NodeDisk"
import {
  type DerivedFiles,
  type DynamicWriter,
  type JournalStore,
  type MetaStore,
  type Root,
  type SegmentFiles,
  Storage,
  StorageError,
  type TapeFolders
} from "litetapes/Storage"
import { existsSync } from "node:fs"
import { Files } from "./Files.ts"
import {
  derivedFile,
  derivedFolder,
  dynamicFile,
  metaFile,
  metaOf,
  safePath,
  segmentFile,
  tapeFolder,
  versionOf
} from "./names.ts"

type Reason = StorageError["reason"]
type Mode = "write" | "read" | "recover"

/** A storage whose locations are paths of databases. */
export const make: Effect.Effect<Storage["Service"], never, Disk> = Effect.gen(function* () {
  const disk = yield* Disk
  return Storage.of({
    open: (location, mode) =>
      Effect.gen(function* () {
        // A refused open must free the lock now, not when the caller's scope closes.
        const scope = yield* Scope.fork(yield* Scope.Scope)
        return yield* openIn(disk, location, mode).pipe(
          Scope.provide(scope),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
      })
  })
})

export const layer: Layer.Layer<Storage> = Layer.provide(Layer.effect(Storage, make), NodeDisk.layer)

const refuse = (operation: string, place: string, reason: Reason, detail = ""): never => {
  throw new StorageError({ operation, place, reason, detail })
}

/** Runs `run`. An error that is not a `StorageError` comes from SQLite, and is reported with `reason`. */
const attempt = <A>(operation: string, place: string, run: () => A, reason: Reason = "failed") =>
  Effect.try({
    try: run,
    catch: (cause) =>
      cause instanceof StorageError
        ? cause
        : new StorageError({ operation, place, reason, detail: cause instanceof Error ? cause.message : String(cause) })
  })

const openIn = (disk: Disk["Service"], location: string, mode: Mode): Effect.Effect<Root, StorageError, Scope.Scope> =>
  Effect.gen(function* () {
    if (mode !== "write" && !existsSync(location)) {
      return yield* new StorageError({
        operation: "open",
        place: location,
        reason: "not-a-lib",
        detail: "no such database"
      })
    }
    const held = mode === "read" ? Effect.succeed(true) : yield* takeLock(disk, location)
    const files = yield* Effect.acquireRelease(
      attempt("open", location, () => Files.open(location, mode === "read"), "not-a-lib"),
      (opened) => Effect.sync(() => opened.close())
    )
    yield* attempt("open", location, () => checkPlace(files, location, mode), "not-a-lib")
    return makeRoot(files, location, mode === "read" ? "read" : "write", held)
  })

const takeLock = (disk: Disk["Service"], location: string) =>
  disk.lock(`${location}.lock`).pipe(
    Effect.map((lock) => lock.held),
    Effect.mapError(({ code }) => {
      const reason = code === "ELOCKED" ? "locked" : code === "EREMOTE" ? "unsupported" : "failed"
      return new StorageError({ operation: "open", place: location, reason, detail: code })
    })
  )

const checkPlace = (files: Files, location: string, mode: Mode): void => {
  const lost = files.size(metaFile(undefined)) === undefined
  const empty = files.list("").length === 0
  if (lost && (mode === "read" || empty === (mode === "recover"))) refuse("open", location, "not-a-lib", "no lib meta")
}

/** Runs one synchronous operation, in a transaction if it writes. */
type Step = <A>(operation: string, name: string, run: () => A) => Effect.Effect<A, StorageError>

const makeRoot = (files: Files, location: string, mode: "write" | "read", held: Effect.Effect<boolean>): Root => {
  const reading: Step = (operation, name, run) => attempt(operation, `${location}/${name}`, run)
  const writing: Step = (operation, name, run) =>
    attempt(operation, `${location}/${name}`, () => {
      if (mode === "read") refuse(operation, location, "read-only", "opened for reading")
      return files.transaction(run)
    })
  return {
    location,
    mode,
    // Transactions become durable in order, so no hint survives without the batch that it names: it counts in any boot.
    boot: "sqlite",
    checkLock: Effect.flatMap(held, (is) =>
      is ? Effect.void : attempt("checkLock", location, () => refuse("checkLock", location, "lock-lost"))
    ),
    meta: metaStore(files, reading, writing),
    tapes: tapeFolders(files, reading, writing),
    journal: journalStore(files, reading, writing),
    segments: segmentFiles(files, reading, writing),
    derived: derivedFiles(files, reading, writing),
    hint: {
      write: (bytes) =>
        writing("hint.write", "hint", () =>
          files.write("hint", bytes, files.read("hint", bytes.length) ?? new Uint8Array())
        ),
      read: reading("hint.read", "hint", () => files.read("hint"))
    },
    quarantine: {
      keep: (name, bytes) =>
        writing("quarantine.keep", name, () => {
          let n = 1
          while (files.size(`quarantine-${n}/${safePath(name)}`) !== undefined) n += 1
          files.write(`quarantine-${n}/${name}`, bytes)
          return `${location}: quarantine-${n}/${name}`
        })
    }
  }
}

const requireTape = (files: Files, operation: string, tape: string): void => {
  if (files.size(metaFile(tape)) === undefined) refuse(operation, tape, "not-found")
}

const readRanges = (files: Files, name: string, ranges: ReadonlyArray<readonly [number, number]>) =>
  files.size(name) === undefined
    ? refuse("read", name, "not-found")
    : ranges.map(([offset, length]) => files.read(name, offset, length)!)

const metaStore = (files: Files, reading: Step, writing: Step): MetaStore => ({
  read: (owner, bytesMax = 1024 ** 3) =>
    reading("meta.read", owner ?? "", () => {
      if ((files.size(metaFile(owner)) ?? 0) > bytesMax) refuse("meta.read", owner ?? "", "too-large")
      return metaOf(files.read(metaFile(owner)))
    }),
  append: (owner, version, bytes) =>
    writing("meta.append", owner ?? "", () => {
      const name = metaFile(owner)
      if (metaOf(files.read(name))?.version !== version) refuse("meta.append", owner ?? "", "changed")
      files.append(name, bytes)
      return versionOf(files.read(name)!)
    }),
  replace: (owner, version, bytes) =>
    writing("meta.replace", owner ?? "", () => {
      const name = metaFile(owner)
      const found = metaOf(files.read(name))
      if (found?.version !== version) refuse("meta.replace", owner ?? "", version === undefined ? "exists" : "changed")
      if (found === undefined && owner !== undefined) refuse("meta.replace", owner, "not-found")
      files.write(name, bytes)
      return versionOf(bytes)
    })
})

const tapeFolders = (files: Files, reading: Step, writing: Step): TapeFolders => ({
  create: (tape, meta) =>
    writing("tapes.create", tape, () => {
      let n = 1
      while (files.list(`aside-${n}/${tapeFolder(tape)}`).length > 0) n += 1
      files.rename(tapeFolder(tape), `aside-${n}/${tapeFolder(tape)}`)
      files.write(metaFile(tape), meta)
    }),
  list: reading("tapes.list", "", () =>
    files
      .list("tape/")
      .map((name) => name.split("/"))
      .filter(([, file, ...more]) => file === "meta" && more.length === 0)
      .map(([tape]) => tape!)
  )
})

const journalStore = (files: Files, reading: Step, writing: Step): JournalStore => ({
  create: (n, bytes) =>
    writing("journal.create", String(n), () => {
      files.write(dynamicFile(n), bytes)
      return makeWriter(dynamicFile(n), files, writing)
    }),
  read: (n, offset, length) =>
    reading("journal.read", String(n), () => readRanges(files, dynamicFile(n), [[offset, length]])[0]!),
  readRanges: (n, ranges) => reading("journal.readRanges", String(n), () => readRanges(files, dynamicFile(n), ranges)),
  size: (n) => reading("journal.size", String(n), () => files.size(dynamicFile(n))),
  drop: (n) => writing("journal.drop", String(n), () => files.remove(dynamicFile(n))),
  list: reading("journal.list", "", () => files.list("dynamic/").map(Number))
})

const makeWriter = (name: string, files: Files, writing: Step): DynamicWriter => {
  let closed = false
  return {
    append: (bytes) =>
      writing("append", name, () => (closed ? refuse("append", name, "failed", "closed") : files.append(name, bytes))),
    close: Effect.sync(() => {
      closed = true
    })
  }
}

const segmentFiles = (files: Files, reading: Step, writing: Step): SegmentFiles => ({
  // Kept in memory until it is whole: other operations run meanwhile, and a connection can have only one transaction.
  write: (tape, segment, fill) =>
    Effect.gen(function* () {
      const name = yield* writing("segments.write", segment, () => {
        requireTape(files, "segments.write", tape)
        return segmentFile(tape, segment)
      })
      const chunks: Array<Uint8Array> = []
      const value = yield* fill((chunk) => Effect.sync(() => void chunks.push(chunk.slice())))
      yield* writing("segments.write", segment, () => files.write(name, ...chunks))
      return value
    }),
  read: (tape, segment, offset, length) =>
    reading("segments.read", segment, () => readRanges(files, segmentFile(tape, segment), [[offset, length]])[0]!),
  readRanges: (tape, segment, ranges) =>
    reading("segments.readRanges", segment, () => readRanges(files, segmentFile(tape, segment), ranges)),
  size: (tape, segment) => reading("segments.size", segment, () => files.size(segmentFile(tape, segment))),
  remove: (tape, segment) => writing("segments.remove", segment, () => files.remove(segmentFile(tape, segment))),
  list: (tape) =>
    reading("segments.list", tape, () => {
      requireTape(files, "segments.list", tape)
      return files.list(`${tapeFolder(tape)}segment/`)
    })
})

const derivedFiles = (files: Files, reading: Step, writing: Step): DerivedFiles => ({
  put: (key, bytes) =>
    writing("derived.put", key.name, () => {
      const name = derivedFile(key)
      if (key.tape !== undefined) requireTape(files, "derived.put", key.tape)
      files.write(name, bytes)
    }),
  get: (key, bytesMax) =>
    reading("derived.get", key.name, () => {
      if ((files.size(derivedFile(key)) ?? 0) > bytesMax) refuse("derived.get", key.name, "too-large")
      return files.read(derivedFile(key))
    }),
  getRanges: (key, ranges) =>
    reading("derived.getRanges", key.name, () =>
      files.size(derivedFile(key)) === undefined ? undefined : readRanges(files, derivedFile(key), ranges)
    ),
  size: (key) => reading("derived.size", key.name, () => files.size(derivedFile(key))),
  list: (tape, kind) => reading("derived.list", kind, () => files.list(derivedFolder(tape, kind))),
  delete: (key) => writing("derived.delete", key.name, () => files.remove(derivedFile(key)))
})
