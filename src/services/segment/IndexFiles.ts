/**
 * Index files of segments, among a storage's derived files: `index/<segment>.idx` in the folder of the tape. The slash
 * in the name of a segment in a shard folder becomes `_`.
 */
import * as Effect from "effect/Effect"
import { parseIfSegmentName } from "../../domain/format/parseIfSegmentName.ts"
import { type DerivedFiles, type DerivedKey, StorageError } from "../ports/Storage.ts"

/**
 * Writes the whole index of a segment, and replaces an older one. Fails with `not-found` if the tape does not exist.
 */
export const write = (
  derived: DerivedFiles,
  tape: string,
  segment: string,
  bytes: Uint8Array
): Effect.Effect<void, StorageError> => withKey("write index", tape, segment, (key) => derived.put(key, bytes))

/** Reads ranges of an index, in the order of `ranges`. Fails with `not-found` if there is no index. */
export const readRanges = (
  derived: DerivedFiles,
  tape: string,
  segment: string,
  ranges: ReadonlyArray<readonly [offset: number, length: number]>
): Effect.Effect<Array<Uint8Array>, StorageError> =>
  withKey("read index", tape, segment, (key) =>
    Effect.flatMap(derived.getRanges(key, ranges), (found) =>
      found === undefined ? refuse("read index", tape, segment, "not-found", "") : Effect.succeed(found)
    )
  )

/** Returns the size of an index in bytes, or `undefined` if it does not exist. */
export const size = (
  derived: DerivedFiles,
  tape: string,
  segment: string
): Effect.Effect<number | undefined, StorageError> => withKey("size of index", tape, segment, derived.size)

/** Deletes an index. Deleting a missing one succeeds. */
export const remove = (derived: DerivedFiles, tape: string, segment: string): Effect.Effect<void, StorageError> =>
  withKey("remove index", tape, segment, derived.delete)

/**
 * Refuses anything but the name of a segment: with its slash replaced, it could be the name of another segment's index.
 */
const withKey = <A>(
  operation: string,
  tape: string,
  segment: string,
  use: (key: DerivedKey) => Effect.Effect<A, StorageError>
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() =>
    parseIfSegmentName(segment) !== undefined
      ? use({ tape, kind: "index", name: `${segment.replace("/", "_")}.idx` })
      : refuse(operation, tape, segment, "unsafe", "not the name of a segment")
  )

const refuse = (
  operation: string,
  tape: string,
  segment: string,
  reason: StorageError["reason"],
  detail: string
): Effect.Effect<never, StorageError> =>
  Effect.fail(new StorageError({ operation, place: `${tape}/${segment}`, reason, detail }))
