/**
 * Segments and their indexes in memory.
 */
import * as Effect from "effect/Effect"
import type { Root, StorageError } from "../../services/ports/Storage.ts"
import * as GrowableBuffer from "./GrowableBuffer.ts"
import { isUnsafeSegment, isUnsafeTape, looksLikeSegment, looksLikeShard } from "../storage/fileNames.ts"
import { copyRange } from "../../domain/base/byteRanges.ts"
import { refuse, type Session, step, type Tape } from "./MemoryLib.ts"

type Kind = "segments" | "indexes"

const check = (session: Session, operation: string, tape: string, segment: string): void => {
  if (isUnsafeTape(tape) || isUnsafeSegment(segment)) {
    refuse(session, operation, `${tape}/${segment}`, "unsafe", "not the name of a segment")
  }
}

const findTape = (session: Session, operation: string, tape: string): Tape =>
  session.lib.tapes.get(tape) ?? refuse(session, operation, tape, "not-found")

const find = (session: Session, operation: string, kind: Kind, tape: string, segment: string): Uint8Array => {
  check(session, operation, tape, segment)
  const bytes = session.lib.tapes.get(tape)?.[kind].get(segment)
  return bytes ?? refuse(session, operation, `${tape}/${segment}`, "not-found")
}

const readRanges =
  (session: Session, operation: string, kind: Kind): Root["readSegmentRanges"] =>
  (tape, segment, ranges) =>
    step(session, operation, "read", () => {
      const bytes = find(session, operation, kind, tape, segment)
      return ranges.map(([offset, length]) => copyRange(bytes, offset, length))
    })

const size =
  (session: Session, operation: string, kind: Kind): Root["segmentSize"] =>
  (tape, segment) =>
    step(session, operation, "read", () => {
      check(session, operation, tape, segment)
      return session.lib.tapes.get(tape)?.[kind].get(segment)?.length
    })

const remove =
  (session: Session, operation: string, kind: Kind): Root["removeSegment"] =>
  (tape, segment) =>
    step(session, operation, "write", () => {
      check(session, operation, tape, segment)
      session.lib.tapes.get(tape)?.[kind].delete(segment)
    })

export const segmentOperations = (
  session: Session
): Pick<
  Root,
  "writeSegment" | "readSegment" | "readSegmentRanges" | "segmentSize" | "removeSegment" | "listSegments"
> => ({
  writeSegment: (tape, segment, fill) => writeSegment(session, tape, segment, fill),
  readSegment: (tape, segment, offset, length) =>
    step(session, "readSegment", "read", () =>
      copyRange(find(session, "readSegment", "segments", tape, segment), offset, length)
    ),
  readSegmentRanges: readRanges(session, "readSegmentRanges", "segments"),
  segmentSize: size(session, "segmentSize", "segments"),
  removeSegment: remove(session, "removeSegment", "segments"),
  listSegments: (tape) =>
    step(session, "listSegments", "read", () => {
      if (isUnsafeTape(tape)) refuse(session, "listSegments", tape, "unsafe", "not the name of a tape")
      const names = [...findTape(session, "listSegments", tape).segments.keys()]
      return names.filter(isSegmentPath).toSorted()
    })
})

const isSegmentPath = (name: string): boolean => {
  const [first, second] = name.split("/")
  return second === undefined ? looksLikeSegment(name) : looksLikeShard(first!) && looksLikeSegment(second)
}

const writeSegment = <A, E, R>(
  session: Session,
  tape: string,
  segment: string,
  fill: (append: (chunk: Uint8Array) => Effect.Effect<void, StorageError>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | StorageError, R> =>
  Effect.gen(function* () {
    yield* step(session, "writeSegment", "write", () => {
      check(session, "writeSegment", tape, segment)
      findTape(session, "writeSegment", tape)
    })
    const bytes = GrowableBuffer.make(new Uint8Array())
    let ended = false
    const value = yield* fill((chunk) =>
      Effect.suspend(() => {
        if (ended) return Effect.die(new Error(`append to a segment that is written: ${tape}/${segment}`))
        bytes.append(chunk)
        return Effect.void
      })
    ).pipe(
      Effect.onExit(() =>
        Effect.sync(() => {
          ended = true
        })
      )
    )
    yield* step(session, "writeSegment", "write", () => {
      findTape(session, "writeSegment", tape).segments.set(segment, bytes.read(0, bytes.length()))
    })
    return value
  })

export const indexOperations = (
  session: Session
): Pick<Root, "writeIndex" | "readIndexRanges" | "indexSize" | "removeIndex"> => ({
  writeIndex: (tape, segment, bytes) =>
    step(session, "writeIndex", "write", () => {
      check(session, "writeIndex", tape, segment)
      findTape(session, "writeIndex", tape).indexes.set(segment, bytes.slice())
    }),
  readIndexRanges: readRanges(session, "readIndexRanges", "indexes"),
  indexSize: size(session, "indexSize", "indexes"),
  removeIndex: remove(session, "removeIndex", "indexes")
})
