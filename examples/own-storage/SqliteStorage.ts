/**
 * A storage of one's own: a lib in one SQLite database. Every operation that writes is one transaction, so what it wrote
 * is there whole or not at all. The writer's lock is a file beside the database.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Disk } from "litetapes/Disk"
import * as NodeDisk from "litetapes/NodeDisk"
import { type DynamicWriter, type Root, Storage, StorageError } from "litetapes/Storage"
import { existsSync } from "node:fs"
import { Files } from "./Files.ts"
import { dynamicFile, indexFile, metaFile, metaOf, safePath, segmentFile, tapeFolder, versionOf } from "./names.ts"

type Reason = StorageError["reason"]
type Mode = "write" | "read" | "recover"

/** A storage; a place is the path of a database. */
export const make: Effect.Effect<Storage["Service"], never, Disk> = Effect.gen(function* () {
  const disk = yield* Disk
  return Storage.of({
    open: (location, mode) =>
      Effect.gen(function* () {
        // A scope of its own: an open that is refused must not keep the lock until the caller's scope closes.
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

/** What `run` throws that is no refusal of ours is what SQLite says: `reason`. */
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
        detail: "nothing there"
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

/** One operation: synchronous, and a transaction where it writes. */
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
    // A hint never outlives what it speaks of: transactions are durable in their order. So it holds in any run.
    boot: "sqlite",
    checkLock: Effect.flatMap(held, (is) =>
      is ? Effect.void : attempt("checkLock", location, () => refuse("checkLock", location, "lock-lost"))
    ),
    ...metas(files, reading, writing),
    ...dynamics(files, location, reading, writing),
    ...segments(files, reading, writing),
    writeIndex: (tape, segment, bytes) =>
      writing("writeIndex", segment, () => {
        requireTape(files, "writeIndex", tape)
        files.write(indexFile(tape, segment), bytes)
      }),
    readIndexRanges: (tape, segment, ranges) =>
      reading("readIndexRanges", segment, () => readRanges(files, indexFile(tape, segment), ranges)),
    indexSize: (tape, segment) => reading("indexSize", segment, () => files.size(indexFile(tape, segment))),
    removeIndex: (tape, segment) => writing("removeIndex", segment, () => files.remove(indexFile(tape, segment))),
    writeHint: (bytes) =>
      writing("writeHint", "hint", () =>
        files.write("hint", bytes, files.read("hint", bytes.length) ?? new Uint8Array())
      ),
    readHint: reading("readHint", "hint", () => files.read("hint"))
  }
}

const requireTape = (files: Files, operation: string, tape: string): void => {
  if (files.size(metaFile(tape)) === undefined) refuse(operation, tape, "not-found")
}

const readRanges = (files: Files, name: string, ranges: ReadonlyArray<readonly [number, number]>) =>
  files.size(name) === undefined
    ? refuse("read", name, "not-found")
    : ranges.map(([offset, length]) => files.read(name, offset, length)!)

const metas = (
  files: Files,
  reading: Step,
  writing: Step
): Pick<Root, "readMeta" | "appendMeta" | "replaceMeta" | "createTape" | "listTapes"> => ({
  readMeta: (owner, bytesMax = 1024 ** 3) =>
    reading("readMeta", owner ?? "", () => {
      if ((files.size(metaFile(owner)) ?? 0) > bytesMax) refuse("readMeta", owner ?? "", "too-large")
      return metaOf(files.read(metaFile(owner)))
    }),
  appendMeta: (owner, version, bytes) =>
    writing("appendMeta", owner ?? "", () => {
      const name = metaFile(owner)
      if (metaOf(files.read(name))?.version !== version) refuse("appendMeta", owner ?? "", "changed")
      files.append(name, bytes)
      return versionOf(files.read(name)!)
    }),
  replaceMeta: (owner, version, bytes) =>
    writing("replaceMeta", owner ?? "", () => {
      const name = metaFile(owner)
      const found = metaOf(files.read(name))
      if (found?.version !== version) refuse("replaceMeta", owner ?? "", version === undefined ? "exists" : "changed")
      if (found === undefined && owner !== undefined) refuse("replaceMeta", owner, "not-found")
      files.write(name, bytes)
      return versionOf(bytes)
    }),
  createTape: (tape, meta) =>
    writing("createTape", tape, () => {
      let n = 1
      while (files.list(`aside-${n}/${tapeFolder(tape)}`).length > 0) n += 1
      files.rename(tapeFolder(tape), `aside-${n}/${tapeFolder(tape)}`)
      files.write(metaFile(tape), meta)
    }),
  listTapes: reading("listTapes", "", () =>
    files
      .list("tape/")
      .filter((name) => name.endsWith("/meta"))
      .map((name) => name.slice(0, -"/meta".length))
  )
})

const dynamics = (
  files: Files,
  location: string,
  reading: Step,
  writing: Step
): Pick<
  Root,
  "createDynamic" | "readDynamic" | "readDynamicRanges" | "dynamicSize" | "dropDynamic" | "listDynamics" | "setAside"
> => ({
  createDynamic: (n, bytes) =>
    writing("createDynamic", String(n), () => {
      files.write(dynamicFile(n), bytes)
      return makeWriter(dynamicFile(n), files, writing)
    }),
  readDynamic: (n, offset, length) =>
    reading("readDynamic", String(n), () => readRanges(files, dynamicFile(n), [[offset, length]])[0]!),
  readDynamicRanges: (n, ranges) =>
    reading("readDynamicRanges", String(n), () => readRanges(files, dynamicFile(n), ranges)),
  dynamicSize: (n) => reading("dynamicSize", String(n), () => files.size(dynamicFile(n))),
  dropDynamic: (n) => writing("dropDynamic", String(n), () => files.remove(dynamicFile(n))),
  listDynamics: reading("listDynamics", "", () => files.list("dynamic/").map(Number)),
  setAside: (name, bytes) =>
    writing("setAside", name, () => {
      let n = 1
      while (files.size(`quarantine-${n}/${safePath(name)}`) !== undefined) n += 1
      files.write(`quarantine-${n}/${name}`, bytes)
      return `${location}: quarantine-${n}/${name}`
    })
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

const segments = (
  files: Files,
  reading: Step,
  writing: Step
): Pick<
  Root,
  "writeSegment" | "readSegment" | "readSegmentRanges" | "segmentSize" | "removeSegment" | "listSegments"
> => ({
  // In memory until it is whole: other operations run while it is filled, and one connection has one transaction.
  writeSegment: (tape, segment, fill) =>
    Effect.gen(function* () {
      const name = yield* writing("writeSegment", segment, () => {
        requireTape(files, "writeSegment", tape)
        return segmentFile(tape, segment)
      })
      const chunks: Array<Uint8Array> = []
      const value = yield* fill((chunk) => Effect.sync(() => void chunks.push(chunk.slice())))
      yield* writing("writeSegment", segment, () => files.write(name, ...chunks))
      return value
    }),
  readSegment: (tape, segment, offset, length) =>
    reading("readSegment", segment, () => readRanges(files, segmentFile(tape, segment), [[offset, length]])[0]!),
  readSegmentRanges: (tape, segment, ranges) =>
    reading("readSegmentRanges", segment, () => readRanges(files, segmentFile(tape, segment), ranges)),
  segmentSize: (tape, segment) => reading("segmentSize", segment, () => files.size(segmentFile(tape, segment))),
  removeSegment: (tape, segment) => writing("removeSegment", segment, () => files.remove(segmentFile(tape, segment))),
  listSegments: (tape) =>
    reading("listSegments", tape, () => {
      requireTape(files, "listSegments", tape)
      return files.list(`${tapeFolder(tape)}segment/`)
    })
})
