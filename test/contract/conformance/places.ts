/** Broken ways to open a place, and to keep meta and tapes in it. */
import * as Effect from "effect/Effect"
import type { Meta, Root } from "litetapes/Storage"
import { always, failure, instead, type Mutant, onRoot } from "./breaking.ts"

export const openMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "readers name another run of the operating system",
    caughtBy: "open for writing makes an absent place, which is a lib once it has meta",
    storage: always((root) => (root.mode === "read" ? { boot: "another" } : {}))
  },
  {
    breaks: "reading creates the place",
    caughtBy: "open for reading or to recover creates nothing, and refuses a place without a lib",
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
          root.mode === "write" ? root.writeHint(new Uint8Array(1)) : Effect.void
        )
    })
  },
  {
    breaks: "a second writer is admitted",
    caughtBy: "a second writer is refused while the first one's scope is open, and readers are not",
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
    caughtBy: "a refused open takes nothing",
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
    breaks: "what has no lib meta is written to",
    caughtBy: "what lost its lib meta opens to be recovered only",
    storage: (base) => ({
      open: (at, mode) =>
        mode === "write" ? Effect.catch(base.open(at, mode), () => base.open(at, "recover")) : base.open(at, mode)
    })
  },
  {
    breaks: "readers write the hint",
    caughtBy: "a reader can write nothing",
    storage: always((root) => (root.mode === "read" ? { writeHint: () => Effect.void } : {}))
  },
  {
    breaks: "the lock is held for ever",
    caughtBy: "after its scope is closed a root does nothing any more",
    storage: always(() => ({ checkLock: Effect.void }))
  },
  {
    breaks: "all places have one hint",
    caughtBy: "two places know nothing of each other",
    storage: onRoot(() => {
      let hint: Uint8Array | undefined
      return () => ({ writeHint: (bytes) => Effect.sync(() => void (hint = bytes)), readHint: Effect.sync(() => hint) })
    })
  }
]

/** Meta at the bytes that its caller gave. */
const keepingGiven = (): ((root: Root) => Partial<Root>) => {
  const given = new Map<string, Uint8Array>()
  return (root) => ({
    replaceMeta: (owner, version, bytes) =>
      Effect.tap(root.replaceMeta(owner, version, bytes), (made) => Effect.sync(() => given.set(made, bytes))),
    readMeta: (owner, bytesMax) =>
      Effect.map(root.readMeta(owner, bytesMax), (meta): Meta | undefined =>
        meta === undefined ? undefined : { ...meta, bytes: given.get(meta.version) ?? meta.bytes }
      )
  })
}

export const metaMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "meta that was never written is empty",
    caughtBy: "meta is absent until it is written",
    storage: always((root) => ({
      readMeta: (owner) =>
        Effect.map(root.readMeta(owner), (meta) => meta ?? { bytes: new Uint8Array(), version: "none" })
    }))
  },
  {
    breaks: "appendMeta gives the version that was",
    caughtBy: "a change is made against the version that was read, and gives the one that stands now",
    storage: always((root) => ({
      appendMeta: (owner, version, bytes) => Effect.as(root.appendMeta(owner, version, bytes), version)
    }))
  },
  {
    breaks: "replaceMeta ignores the version",
    caughtBy: "a change against what is no longer there is refused and changes nothing",
    storage: always((root) => ({
      replaceMeta: (owner, _, bytes) =>
        Effect.flatMap(root.readMeta(owner), (meta) => root.replaceMeta(owner, meta?.version, bytes))
    }))
  },
  {
    breaks: "appendMeta makes the tape",
    caughtBy: "a change of meta that is not there is refused, and a tape has to be there",
    storage: always((root) => ({
      appendMeta: (owner, version, bytes) =>
        Effect.flatMap(owner === undefined ? Effect.void : root.listSegments(owner), () =>
          root.appendMeta(owner, version, bytes)
        ).pipe(
          Effect.catch((error) =>
            error.reason === "not-found" ? Effect.as(root.createTape(owner!, bytes), "") : Effect.fail(error)
          )
        )
    }))
  },
  {
    breaks: "replaceMeta looks at the version first and writes later",
    caughtBy: "of changes at the same time against one version, one is made",
    storage: always((root) => ({
      replaceMeta: (owner, version, bytes) =>
        Effect.gen(function* () {
          if ((yield* root.readMeta(owner))?.version !== version) return yield* failure("changed")
          yield* Effect.yieldNow
          return yield* root.replaceMeta(owner, (yield* root.readMeta(owner))?.version, bytes)
        })
    }))
  },
  {
    breaks: "meta stands in the bytes of its caller",
    caughtBy: "meta keeps bytes of its own, and stays when the lib is opened again",
    storage: onRoot(keepingGiven)
  },
  {
    breaks: "readMeta reads however much there is",
    caughtBy: "meta that is larger than its reader is ready for is not read",
    storage: always((root) => ({ readMeta: (owner) => root.readMeta(owner) }))
  },
  {
    breaks: "no name is unsafe to read meta of",
    caughtBy: "names that could lead elsewhere are no owners of meta",
    storage: always((root) => ({
      readMeta: (owner, bytesMax) => instead(root.readMeta(owner, bytesMax), "unsafe", undefined)
    }))
  }
]

export const tapeMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "tapes are listed in any order",
    caughtBy: "a tape appears with its meta and is there when the lib is opened again",
    storage: always((root) => ({ listTapes: Effect.map(root.listTapes, (names) => names.toReversed()) }))
  },
  {
    breaks: "empty meta is none",
    caughtBy: "a tape may begin with empty meta, which is not none",
    storage: always((root) => ({
      readMeta: (owner, bytesMax) =>
        Effect.map(root.readMeta(owner, bytesMax), (meta) => (meta?.bytes.length === 0 ? undefined : meta))
    }))
  },
  {
    breaks: "createTape overwrites a namesake's meta and keeps its segments",
    caughtBy: "a namesake makes way with all that it had",
    storage: always((root) => ({
      createTape: (tape, meta) =>
        Effect.flatMap(root.readMeta(tape), (found) =>
          found === undefined ? root.createTape(tape, meta) : Effect.asVoid(root.replaceMeta(tape, found.version, meta))
        )
    }))
  },
  {
    breaks: "no name is unsafe to list segments of",
    caughtBy: "names that could lead elsewhere are no tapes",
    storage: always((root) => ({ listSegments: (tape) => instead(root.listSegments(tape), "unsafe", []) }))
  }
]
