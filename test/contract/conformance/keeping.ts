/** Storages that discard bytes which no operation of the port reads again, on a disk whose files a check can see. */
import * as Effect from "effect/Effect"
import * as FolderStorage from "litetapes/FolderStorage"
import { type Conformance, DiskState, SimulatedDisk } from "litetapes/testing"
import { always, type Break } from "./breaking.ts"

/** A kind whose checks can see all files of a place; `storage` may break it. */
export const lookedInto = (storage: Break): Conformance.Kind & Required<Pick<Conformance.Kind, "holds">> => {
  const disk = SimulatedDisk.make()
  let places = 0
  return {
    storage: Effect.provide(Effect.map(FolderStorage.make, storage), disk.layer),
    place: () => `/place-${(places += 1)}`,
    holds: (place, bytes) =>
      Effect.sync(() =>
        [...DiskState.contents(disk.state())].some(
          ([path, content]) =>
            path.startsWith(`${place}/`) && content !== undefined && Buffer.compare(content, bytes) === 0
        )
      )
  }
}

/** Bytes that are discarded but should be kept, and the check that must catch it. */
export interface Loss {
  readonly loses: string
  readonly caughtBy: string
  readonly storage: Break
}

export const losses: ReadonlyArray<Loss> = [
  {
    loses: "a quarantined file",
    caughtBy: "quarantined bytes are never overwritten, and are not taken for anything else",
    storage: always((root) => ({ quarantine: { keep: (name) => root.quarantine.keep(name, new Uint8Array()) } }))
  },
  {
    loses: "any segment of a tape that is moved aside",
    caughtBy: "an unlisted tape of the same name is moved aside with everything in it",
    storage: always((root) => ({
      tapes: {
        create: (tape, meta) =>
          Effect.ignore(
            Effect.flatMap(root.segments.list(tape), (names) =>
              Effect.forEach(names, (name) => root.segments.remove(tape, name))
            )
          ).pipe(Effect.andThen(root.tapes.create(tape, meta)))
      }
    }))
  },
  {
    loses: "the meta of a tape that is moved aside",
    caughtBy: "an unlisted tape of the same name is moved aside with everything in it",
    storage: always((root) => ({
      tapes: {
        create: (tape, meta) =>
          Effect.ignore(
            Effect.flatMap(root.meta.read(tape), (found) => root.meta.replace(tape, found?.version, new Uint8Array()))
          ).pipe(Effect.andThen(root.tapes.create(tape, meta)))
      }
    }))
  }
]
