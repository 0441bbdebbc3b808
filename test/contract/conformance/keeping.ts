/** Storages that throw away what no operation of the port reads any more, over a disk that can be looked at. */
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

/** What is thrown away that should be kept, and the check that has to see it. */
export interface Loss {
  readonly loses: string
  readonly caughtBy: string
  readonly storage: Break
}

export const losses: ReadonlyArray<Loss> = [
  {
    loses: "what is set aside",
    caughtBy: "what is set aside is never overwritten, and counts for nothing else",
    storage: always((root) => ({ quarantine: { keep: (name) => root.quarantine.keep(name, new Uint8Array()) } }))
  },
  {
    loses: "the segments of a tape that makes way",
    caughtBy: "a namesake makes way with all that it had",
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
    loses: "the meta of a tape that makes way",
    caughtBy: "a namesake makes way with all that it had",
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
