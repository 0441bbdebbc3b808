/** Broken storages as a lib sees them. */
import * as Effect from "effect/Effect"
import type { Root } from "litetapes/Storage"
import type { RootChange } from "../../support/changeRoot.ts"
import { always, type Mutant, onRoot, onWriter } from "./breaking.ts"
import { sharing } from "./files.ts"
import { openMutants } from "./places.ts"

/** Acknowledges a batch when it is appended and writes it when the next one comes, so a kill loses the last one. */
const writtenLater: Mutant["storage"] = onWriter((writer) => {
  let pending: Uint8Array | undefined
  const write = Effect.suspend(() => (pending === undefined ? Effect.void : writer.append(pending)))
  return {
    append: (bytes) =>
      Effect.tap(write, () =>
        Effect.sync(() => {
          pending = bytes.slice()
        })
      ),
    close: Effect.andThen(Effect.ignore(write), writer.close)
  }
})

/** Readers cache what they have read of a dynamic segment. */
const frozenForReaders = (): ((root: Root) => RootChange) => {
  const sizes = new Map<number, number>()
  return (root) =>
    root.mode === "write"
      ? {}
      : {
          journal: {
            size: (n) =>
              Effect.suspend(() => {
                const known = sizes.get(n)
                if (known !== undefined) return Effect.succeed(known)
                return Effect.tap(root.journal.size(n), (size) => Effect.sync(() => sizes.set(n, size ?? 0)))
              }),
            read: (n, offset, length) =>
              root.journal.read(n, offset, Math.min(length, Math.max(0, (sizes.get(n) ?? 0) - offset)))
          }
        }
}

export const libMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "a batch is acknowledged before it is written",
    caughtBy:
      "records are there in dynamic segments and in segments, after the lib was closed, killed and opened again",
    storage: writtenLater
  },
  {
    breaks: "removing a segment removes all later ones",
    caughtBy: "tapes are repacked, cloned, archived and verified, and keep their records",
    storage: always((root) => ({
      segments: {
        remove: (tape, segment) =>
          Effect.flatMap(root.segments.list(tape), (names) =>
            Effect.forEach(
              names.filter((name) => name >= segment),
              (name) => root.segments.remove(tape, name),
              { discard: true }
            )
          )
      }
    }))
  },
  {
    breaks: "dropping a dynamic segment drops the next one too",
    caughtBy: "events keep their order, revisions and ids after the lib was closed, killed and opened again",
    storage: always((root) => ({
      journal: {
        drop: (n) => Effect.andThen(root.journal.drop(n), root.journal.drop(n + 1))
      }
    }))
  },
  {
    breaks: "events vanish once the dynamic segment before theirs is dropped",
    caughtBy: "decisions see every event that matters to them, after the lib was closed, killed and opened again",
    storage: always((root) => ({
      journal: {
        drop: (n) => Effect.andThen(root.journal.drop(n), root.journal.drop(n + 1))
      }
    }))
  },
  {
    breaks: "all ranges of a call return the first one",
    caughtBy: "single events are found among many others, in dynamic segments and in segments",
    storage: always((root) => ({
      segments: {
        readRanges: (tape, segment, ranges) =>
          root.segments.readRanges(
            tape,
            segment,
            ranges.map(() => ranges[0]!)
          )
      }
    }))
  },
  {
    breaks: "a second writer is admitted",
    caughtBy: "a lib has one writer and any number of readers",
    storage: openMutants.find(({ breaks }) => breaks === "a second writer is admitted")!.storage
  },
  {
    breaks: "readers never see later appends",
    caughtBy: "a reader that refreshes sees what was appended meanwhile, and never less than before",
    storage: onRoot(frozenForReaders)
  },
  {
    breaks: "segments that are written concurrently are mixed up",
    caughtBy: "concurrent appends get places of their own, while dynamic segments are closed",
    storage: onRoot(sharing(() => "all"))
  },
  {
    breaks: "no segments are listed",
    caughtBy: "a tape that lost its meta is recovered with all of its records",
    storage: always(() => ({ segments: { list: () => Effect.succeed([]) } }))
  },
  {
    breaks: "no tapes are listed",
    caughtBy: "a lib that lost its meta is recovered with its tapes",
    storage: always(() => ({ tapes: { list: Effect.succeed([]) } }))
  }
]
