/**
 * `Storage` in memory: the same rules as in a folder, and nothing survives the process. A location keeps what was
 * written as long as the layer lives, so a lib can be closed and opened again.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
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

/** Storage with places of its own. */
export const make: Effect.Effect<Storage["Service"]> = Effect.sync(() => {
  const libs = new Map<string, Lib>()
  return Storage.of({
    open: (location, mode) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.suspend(() => {
            const session = start(libs, location, mode)
            return session instanceof StorageError ? Effect.fail(session) : Effect.succeed(session)
          }),
          (session) => Effect.sync(() => end(session))
        ),
        makeRoot
      )
  })
})

export const layer: Layer.Layer<Storage> = Layer.effect(Storage, make)

const start = (
  libs: Map<string, Lib>,
  location: string,
  mode: "write" | "read" | "recover"
): Session | StorageError => {
  const refuse = (reason: Reason, detail: string) => storageError("open", location, reason, detail)
  const lib = libs.get(location) ?? makeLib()
  if (mode === "read") {
    if (lib.meta === undefined) return refuse("not-a-lib", "no lib meta is there")
    return { lib, location, mode: "read", closed: false }
  }
  if (lib.locked) return refuse("locked", "another scope writes here: close it, or open for reading")
  const empty = isEmpty(lib)
  if (empty && mode === "recover") return refuse("not-a-lib", "nothing is there to recover")
  if (lib.meta === undefined && !empty && mode === "write") {
    return refuse("not-a-lib", "no lib meta, but other parts of a lib: recover it")
  }
  lib.locked = true
  libs.set(location, lib)
  return { lib, location, mode: "write", closed: false }
}

const end = (session: Session): void => {
  session.closed = true
  if (session.mode === "write") session.lib.locked = false
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
  // One and the same: a hint cannot outlive the memory that it is in.
  boot: "memory",
  checkLock: Effect.suspend(() =>
    session.mode === "write" && session.closed
      ? Effect.fail(storageError("checkLock", session.location, "lock-lost", "closed"))
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
