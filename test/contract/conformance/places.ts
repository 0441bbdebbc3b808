/** Broken ways to open a place, and to keep meta and tapes in it. */
import * as Effect from "effect/Effect"
import type { Meta, Root } from "litetapes/Storage"
import type { RootChange } from "../../support/changeRoot.ts"
import { always, failure, instead, type Mutant, onRoot } from "./breaking.ts"

export const openMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "readers name another boot of the operating system",
    caughtBy: "opening for writing creates an absent place, which is a lib once it has meta",
    storage: always((root) => (root.mode === "read" ? { boot: "another" } : {}))
  },
  {
    breaks: "reading creates the place",
    caughtBy: "opening for reading or to recover creates nothing, and refuses a place without a lib",
    storage: (base) => ({
      open: (at, mode) =>
        mode === "read" ? Effect.catch(base.open(at, mode), () => base.open(at, "write")) : base.open(at, mode)
    })
  },
  {
    breaks: "opening leaves something in an empty place",
    caughtBy: "a place that was opened and left empty can be opened again",
    storage: (base) => ({
      open: (at, mode) =>
        Effect.tap(base.open(at, mode), (root) =>
          root.mode === "write" ? root.hint.write(new Uint8Array(1)) : Effect.void
        )
    })
  },
  {
    breaks: "a second writer is admitted",
    caughtBy: "a second writer is refused while the first one's scope is open, but readers are not",
    storage: (base) => ({
      open: (at, mode) =>
        Effect.catch(base.open(at, mode), (error) =>
          error.reason === "locked" ? base.open(at, "read") : Effect.fail(error)
        )
    })
  },
  {
    breaks: "readers take the lock",
    caughtBy: "a reader takes no lock",
    storage: (base) => {
      const locked = new Set<string>()
      return {
        open: (at, mode) =>
          Effect.suspend(() => {
            if (locked.has(at)) return Effect.fail(failure("locked"))
            if (mode === "read") locked.add(at)
            return base.open(at, mode)
          })
      }
    }
  },
  {
    breaks: "a refused open keeps the lock",
    caughtBy: "opening that is refused keeps nothing locked",
    storage: (base) => {
      const stuck = new Set<string>()
      return {
        open: (at, mode) =>
          Effect.suspend(() =>
            stuck.has(at)
              ? Effect.fail(failure("locked"))
              : Effect.tapError(base.open(at, mode), () => Effect.sync(() => stuck.add(at)))
          )
      }
    }
  },
  {
    breaks: "a place without lib meta can be written to",
    caughtBy: "a lib that lost its meta opens only to be recovered",
    storage: (base) => ({
      open: (at, mode) =>
        mode === "write" ? Effect.catch(base.open(at, mode), () => base.open(at, "recover")) : base.open(at, mode)
    })
  },
  {
    breaks: "readers write the hint",
    caughtBy: "a reader cannot write",
    storage: always((root) => (root.mode === "read" ? { hint: { write: () => Effect.void } } : {}))
  },
  {
    breaks: "the lock is never released",
    caughtBy: "a root does nothing after its scope is closed",
    storage: always(() => ({ checkLock: Effect.void }))
  },
  {
    breaks: "all places share one hint",
    caughtBy: "two places are independent of each other",
    storage: onRoot(() => {
      let hint: Uint8Array | undefined
      return () => ({
        hint: { write: (bytes) => Effect.sync(() => void (hint = bytes)), read: Effect.sync(() => hint) }
      })
    })
  }
]

/** Keeps meta in the buffer that its caller passed in. */
const keepingGiven = (): ((root: Root) => RootChange) => {
  const given = new Map<string, Uint8Array>()
  return (root) => ({
    meta: {
      replace: (owner, version, bytes) =>
        Effect.tap(root.meta.replace(owner, version, bytes), (made) => Effect.sync(() => given.set(made, bytes))),
      read: (owner, bytesMax) =>
        Effect.map(root.meta.read(owner, bytesMax), (meta): Meta | undefined =>
          meta === undefined ? undefined : { ...meta, bytes: given.get(meta.version) ?? meta.bytes }
        )
    }
  })
}

export const metaMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "meta that was never written is empty",
    caughtBy: "meta is absent until it is written",
    storage: always((root) => ({
      meta: {
        read: (owner) =>
          Effect.map(root.meta.read(owner), (meta) => meta ?? { bytes: new Uint8Array(), version: "none" })
      }
    }))
  },
  {
    breaks: "meta.append returns the version from before",
    caughtBy: "a change is made against the version that was read, and returns the new version",
    storage: always((root) => ({
      meta: {
        append: (owner, version, bytes) => Effect.as(root.meta.append(owner, version, bytes), version)
      }
    }))
  },
  {
    breaks: "meta.replace ignores the version",
    caughtBy: "a change against an outdated version is refused and changes nothing",
    storage: always((root) => ({
      meta: {
        replace: (owner, _, bytes) =>
          Effect.flatMap(root.meta.read(owner), (meta) => root.meta.replace(owner, meta?.version, bytes))
      }
    }))
  },
  {
    breaks: "meta.append creates the tape",
    caughtBy: "a change of meta that does not exist is refused, and so is meta of a tape that does not exist",
    storage: always((root) => ({
      meta: {
        append: (owner, version, bytes) =>
          Effect.flatMap(owner === undefined ? Effect.void : root.segments.list(owner), () =>
            root.meta.append(owner, version, bytes)
          ).pipe(
            Effect.catch((error) =>
              error.reason === "not-found" ? Effect.as(root.tapes.create(owner!, bytes), "") : Effect.fail(error)
            )
          )
      }
    }))
  },
  {
    breaks: "meta.replace checks the version first and writes later",
    caughtBy: "of concurrent changes against one version, exactly one is made",
    storage: always((root) => ({
      meta: {
        replace: (owner, version, bytes) =>
          Effect.gen(function* () {
            if ((yield* root.meta.read(owner))?.version !== version) return yield* failure("changed")
            yield* Effect.yieldNow
            return yield* root.meta.replace(owner, (yield* root.meta.read(owner))?.version, bytes)
          })
      }
    }))
  },
  {
    breaks: "meta is kept in the buffer of its caller",
    caughtBy: "meta is a copy of the bytes that were given, even after the lib is opened again",
    storage: onRoot(keepingGiven)
  },
  {
    breaks: "meta.read reads meta of any size",
    caughtBy: "meta is not read if it is larger than its reader accepts",
    storage: always((root) => ({ meta: { read: (owner) => root.meta.read(owner) } }))
  },
  {
    breaks: "no owner of meta is refused as unsafe",
    caughtBy: "names that could lead elsewhere are refused as owners of meta",
    storage: always((root) => ({
      meta: {
        read: (owner, bytesMax) => instead(root.meta.read(owner, bytesMax), "unsafe", undefined)
      }
    }))
  }
]

export const tapeMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "tapes are listed in reverse order",
    caughtBy: "a tape appears with its meta, and is there after the lib is opened again",
    storage: always((root) => ({ tapes: { list: Effect.map(root.tapes.list, (names) => names.toReversed()) } }))
  },
  {
    breaks: "empty meta is read as missing",
    caughtBy: "a tape may begin with empty meta, which differs from no meta",
    storage: always((root) => ({
      meta: {
        read: (owner, bytesMax) =>
          Effect.map(root.meta.read(owner, bytesMax), (meta) => (meta?.bytes.length === 0 ? undefined : meta))
      }
    }))
  },
  {
    breaks: "tapes.create overwrites a namesake's meta and keeps its segments",
    caughtBy: "an unlisted tape of the same name is moved aside with everything in it",
    storage: always((root) => ({
      tapes: {
        create: (tape, meta) =>
          Effect.flatMap(root.meta.read(tape), (found) =>
            found === undefined
              ? root.tapes.create(tape, meta)
              : Effect.asVoid(root.meta.replace(tape, found.version, meta))
          )
      }
    }))
  },
  {
    breaks: "no tape name is refused as unsafe by segments.list",
    caughtBy: "names that could lead elsewhere are refused for tapes",
    storage: always((root) => ({ segments: { list: (tape) => instead(root.segments.list(tape), "unsafe", []) } }))
  }
]
