/**
 * Segments in memory.
 */
import * as Effect from "effect/Effect"
import type { SegmentFiles, StorageError } from "../../services/ports/Storage.ts"
import * as GrowableBuffer from "./GrowableBuffer.ts"
import { isUnsafeSegment, isUnsafeTape, looksLikeSegment, looksLikeShard } from "../storage/fileNames.ts"
import { copyRange } from "../../domain/base/byteRanges.ts"
import { refuse, type Session, step, type Tape } from "./MemoryLib.ts"

const check = (session: Session, operation: string, tape: string, segment: string): void => {
  if (isUnsafeTape(tape) || isUnsafeSegment(segment)) {
    refuse(session, operation, `${tape}/${segment}`, "unsafe", "it is not the name of a segment")
  }
}

const findTape = (session: Session, operation: string, tape: string): Tape =>
  session.lib.tapes.get(tape) ?? refuse(session, operation, tape, "not-found")

const find = (session: Session, operation: string, tape: string, segment: string): Uint8Array => {
  check(session, operation, tape, segment)
  const bytes = session.lib.tapes.get(tape)?.segments.get(segment)
  return bytes ?? refuse(session, operation, `${tape}/${segment}`, "not-found")
}

export const make = (session: Session): SegmentFiles => ({
  write: (tape, segment, fill) => writeSegment(session, tape, segment, fill),
  read: (tape, segment, offset, length) =>
    step(session, "segments.read", "read", () =>
      copyRange(find(session, "segments.read", tape, segment), offset, length)
    ),
  readRanges: (tape, segment, ranges) =>
    step(session, "segments.readRanges", "read", () => {
      const bytes = find(session, "segments.readRanges", tape, segment)
      return ranges.map(([offset, length]) => copyRange(bytes, offset, length))
    }),
  size: (tape, segment) =>
    step(session, "segments.size", "read", () => {
      check(session, "segments.size", tape, segment)
      return session.lib.tapes.get(tape)?.segments.get(segment)?.length
    }),
  remove: (tape, segment) =>
    step(session, "segments.remove", "write", () => {
      check(session, "segments.remove", tape, segment)
      session.lib.tapes.get(tape)?.segments.delete(segment)
    }),
  list: (tape) =>
    step(session, "segments.list", "read", () => {
      if (isUnsafeTape(tape)) refuse(session, "segments.list", tape, "unsafe", "it is not the name of a tape")
      const names = [...findTape(session, "segments.list", tape).segments.keys()]
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
    yield* step(session, "segments.write", "write", () => {
      check(session, "segments.write", tape, segment)
      findTape(session, "segments.write", tape)
    })
    const bytes = GrowableBuffer.make(new Uint8Array())
    let ended = false
    const value = yield* fill((chunk) =>
      Effect.suspend(() => {
        if (ended) return Effect.die(new Error(`an append to a segment that is already written: ${tape}/${segment}`))
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
    yield* step(session, "segments.write", "write", () => {
      findTape(session, "segments.write", tape).segments.set(segment, bytes.read(0, bytes.length()))
    })
    return value
  })
