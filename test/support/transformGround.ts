/** Places for tests of repack, clone, recover and verify: libs that can be damaged, and copied while they are open. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import type { MetaOwner, Root, StorageError } from "litetapes/Storage"
import type * as Tape from "litetapes/Tape"
import type { JsonObject } from "litetapes/TaraSON"
import { internalsOf } from "../../src/services/internals.ts"
import { copyLib, flipped, segmentBytes } from "./copyLib.ts"
import { hiding } from "./hidingStorage.ts"
import * as openLib from "./openLib.ts"
import { existingTape, type LibService, type StorageService, tapeOf } from "./openLib.ts"
import { watched } from "./watchedStorage.ts"

/** Opens a lib as in openLib.ts. Merges nothing unless asked to: these tests lay out the segments themselves. */
export const withLib: typeof openLib.withLib = (storage, place, use, options) =>
  openLib.withLib(storage, place, use, { mergeSegments: false, ...options })

/** As `openSession` in openLib.ts, and merges nothing either. */
export const openSession: typeof openLib.openSession = (storage, place, options) =>
  openLib.openSession(storage, place, { mergeSegments: false, ...options })

export interface Ground {
  readonly storage: StorageService
  /** Copies a lib to which nothing is written meanwhile. */
  readonly copy: (from: string, to: string) => Effect.Effect<void, StorageError>
  /** Removes the meta of a tape, or lib meta. */
  readonly loseMeta: (place: string, owner: MetaOwner) => Effect.Effect<void>
}

export interface TransformKind {
  readonly name: string
  readonly ground: Effect.Effect<Ground>
  readonly place: () => string
  /** Tests that damage a file everywhere do so at every `step`-th byte: more than 1 if each costs syncs. */
  readonly step: number
}

export const memoryGround: Effect.Effect<Ground> = Effect.map(MemoryStorage.make, (base) => {
  const { storage, hide } = hiding(base)
  return {
    storage,
    copy: (from, to) => copyLib(base, from, to),
    loseMeta: (place, owner) => Effect.sync(() => hide(place, owner))
  }
})

export const folderGround: Effect.Effect<Ground> = Effect.map(NodeStorage.make, (storage) => ({
  storage,
  copy: (from, to) => Effect.sync(() => fs.cpSync(from, to, { recursive: true })),
  loseMeta: (place, owner) =>
    Effect.sync(() =>
      fs.rmSync(
        owner === undefined ? path.join(place, "litelib.meta.jsonl") : path.join(place, owner, "tape.meta.jsonl")
      )
    )
}))

/** Changes stored files of a lib that is closed. */
export const tamper = <A, E>(storage: StorageService, place: string, change: (root: Root) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(storage.open(place, "write"), change))

/** Changes the bytes of a tape's meta, or of lib meta. */
export const rewriteMeta = (root: Root, owner: MetaOwner, change: (bytes: Uint8Array) => Uint8Array) =>
  Effect.flatMap(root.meta.read(owner), (meta) => root.meta.replace(owner, meta!.version, change(meta!.bytes)))

/** Returns all files that look like segments of a tape, with their bytes. */
export const filesOf = (storage: StorageService, place: string, tape: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const root = yield* storage.open(place, "read")
      const files = new Map<string, Uint8Array>()
      for (const name of yield* root.segments.list(tape)) files.set(name, yield* segmentBytes(root, tape, name))
      return files
    })
  )

/** Writes files into a tape's folder. */
export const putFiles = (
  storage: StorageService,
  place: string,
  tape: string,
  files: Iterable<readonly [name: string, bytes: Uint8Array]>
) =>
  tamper(storage, place, (root) =>
    Effect.forEach(files, ([name, bytes]) => root.segments.write(tape, name, (append) => append(bytes)), {
      discard: true
    })
  )

/** Replaces the bytes of a segment with `change` of them. */
export const rewrite = (root: Root, tape: string, segment: string, change: (bytes: Uint8Array) => Uint8Array) =>
  Effect.flatMap(segmentBytes(root, tape, segment), (bytes) =>
    root.segments.write(tape, segment, (append) => append(change(bytes)))
  )

/** Opens a lib, uses it, and copies the state that a crash would have left to another place. */
export const crashed = <A, E>(
  { copy, storage }: Ground,
  place: string,
  copied: string,
  use: (lib: LibService) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const watch = watched(storage)
    const { lib, close } = yield* openSession(watch.storage, place)
    return yield* Effect.ensuring(
      Effect.tap(use(lib), () => watch.frozen(copy(place, copied))),
      close
    )
  })

/** Returns records `from` to before `to`, all different, of about `bytes` bytes. */
export const numbered = (from: number, to: number, bytes = 60): ReadonlyArray<JsonObject> =>
  Array.from({ length: to - from }, (_, index) => ({ n: from + index, text: "x".repeat(Math.max(0, bytes - 30)) }))

export const all = (tape: Tape.Tape["Service"]) => Stream.runCollect(tape.records())

/** Appends to an existing tape. */
export const appendTo = (lib: LibService, name: string, records: ReadonlyArray<JsonObject>) =>
  Effect.flatMap(existingTape(lib, name), (tape) => tape.append(records))

/** Creates a tape with `segments` segments of `each` records, all different. */
export const fill = Effect.fnUntraced(function* (
  lib: LibService,
  name: string,
  segments: number,
  each: number,
  bytes = 60
) {
  const tape = yield* tapeOf(lib, name)
  for (let n = 0; n < segments; n++) {
    yield* tape.append(numbered(n * each, (n + 1) * each, bytes))
    yield* tape.appendSegment
  }
  return tape
})

/** Returns the files in a tape's folder that look like segments but are not listed by its meta. */
export const unlisted = (storage: StorageService, place: string, name: string) =>
  Effect.gen(function* () {
    const listed = yield* withLib(
      storage,
      place,
      (lib) => Effect.flatMap(existingTape(lib, name), (tape) => tape.segments),
      { mode: "read" }
    )
    const names = yield* Effect.scoped(Effect.flatMap(storage.open(place, "read"), (root) => root.segments.list(name)))
    return names.filter((file) => !listed.some((segment) => segment.name === file))
  })

/** Damages the meta of a tape that is in use, through the place that its writer has open. */
export const damageOwn = (lib: LibService, tape: string) =>
  rewriteMeta(internalsOf(lib).handle.root, tape, (bytes) => flipped(bytes, 9))

/** Declares a test with logs off, since its libs log that they are not closed cleanly. */
export const itQuietly = <E>(name: string, body: () => Effect.Effect<void, E, Scope.Scope>) =>
  it.live(name, () => Effect.provide(body(), Logger.layer([])))
