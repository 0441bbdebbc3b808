/**
 * `Storage` in memory, with the same rules as in a folder. Nothing survives the process. A location keeps what was
 * written for as long as the layer lives, so a lib can be closed and opened again.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hostname } from "node:os"
import { nearestNow } from "../services/base/storableNow.ts"
import { type Root, Storage, StorageError } from "../services/ports/Storage.ts"
import * as DerivedFiles from "./memory/DerivedFiles.ts"
import * as HintStore from "./memory/HintStore.ts"
import * as JournalStore from "./memory/JournalStore.ts"
import { type Lib, makeLib, type Session } from "./memory/MemoryLib.ts"
import * as MetaStore from "./memory/MetaStore.ts"
import * as Quarantine from "./memory/Quarantine.ts"
import * as SegmentFiles from "./memory/SegmentFiles.ts"
import * as TapeFolders from "./memory/TapeFolders.ts"
import { type Reason, storageError } from "./storage/storageErrors.ts"

/** Makes a storage with locations of its own. */
export const make: Effect.Effect<Storage["Service"]> = Effect.sync(() => storageOf(new Map()))

/** Provides storage in memory. Each time that the layer is built, it has locations of its own. */
export const layer: Layer.Layer<Storage> = Layer.effect(Storage, make)

/** A storage that everything which is opened with its layer shares. */
export interface Shared {
  /** Provides the storage: the same one each time that it is built. */
  readonly layer: Layer.Layer<Storage>
  /**
   * Empties all locations, so that the next test begins with nothing. Throws a `StorageError` if a writer is open: close
   * it first. A reader that is still open keeps what it shows.
   */
  readonly reset: () => void
}

/**
 * Makes a storage for tests that open several stores over the same locations, such as a writer and a reader, or a store
 * that is closed and opened again.
 *
 * @example
 * ```ts
 * const memory = MemoryStorage.makeShared()
 * afterEach(() => memory.reset())
 * const store = await PromiseStore.open("orders", { storage: memory.layer })
 * ```
 */
export const makeShared = (): Shared => {
  const libs = new Map<string, Lib>()
  return {
    layer: Layer.succeed(Storage, storageOf(libs)),
    reset: () => {
      for (const [location, lib] of libs) {
        if (lib.lockedSince !== undefined)
          throw storageError("reset", location, "locked", "a writer has it open; close it first")
      }
      libs.clear()
    }
  }
}

const storageOf = (libs: Map<string, Lib>): Storage["Service"] =>
  Storage.of({
    open: (location, mode) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.flatMap(nearestNow, (now) => {
            const session = start(libs, location, mode, now)
            return session instanceof StorageError ? Effect.fail(session) : Effect.succeed(session)
          }),
          (session) => Effect.sync(() => end(session))
        ),
        makeRoot
      )
  })

const start = (
  libs: Map<string, Lib>,
  location: string,
  mode: "write" | "read" | "recover",
  now: number
): Session | StorageError => {
  const refuse = (reason: Reason, detail: string) => storageError("open", location, reason, detail)
  const lib = libs.get(location) ?? makeLib()
  if (mode === "read") {
    if (lib.meta === undefined) return refuse("not-a-lib", "it has no lib meta; check the location")
    return { lib, location, mode: "read", closed: false }
  }
  if (lib.lockedSince !== undefined) {
    const detail = "it is open for writing already; close it there, or open it for reading"
    const holder = { here: true, host: hostname(), pid: process.pid, since: new Date(lib.lockedSince).toISOString() }
    return new StorageError({ operation: "open", place: location, reason: "locked", detail, holder })
  }
  const empty = isEmpty(lib)
  if (empty && mode === "recover") return refuse("not-a-lib", "there is nothing to recover; check the location")
  if (lib.meta === undefined && !empty && mode === "write") {
    return refuse("not-a-lib", "it has no lib meta, but other parts of a lib; recover it with Lib.recover")
  }
  lib.lockedSince = now
  libs.set(location, lib)
  return { lib, location, mode: "write", closed: false }
}

const end = (session: Session): void => {
  session.closed = true
  if (session.mode === "write") session.lib.lockedSince = undefined
}

const isEmpty = (lib: Lib): boolean =>
  lib.meta === undefined &&
  lib.hint === undefined &&
  lib.tapes.size === 0 &&
  lib.dynamics.size === 0 &&
  lib.derived.size === 0 &&
  lib.quarantine.size === 0

const makeRoot = (session: Session): Root => ({
  location: session.location,
  mode: session.mode,
  // Always the same: a hint does not outlive the memory that it is in.
  boot: "memory",
  checkLock: Effect.suspend(() =>
    session.mode === "write" && session.closed
      ? Effect.fail(storageError("checkLock", session.location, "lock-lost", "it is closed"))
      : Effect.void
  ),
  meta: MetaStore.make(session),
  tapes: TapeFolders.make(session),
  journal: JournalStore.make(session),
  segments: SegmentFiles.make(session),
  derived: DerivedFiles.make(session),
  hint: HintStore.make(session),
  quarantine: Quarantine.make(session)
})
