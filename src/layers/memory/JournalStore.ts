/**
 * The journal in memory: dynamic segments.
 */
import * as Effect from "effect/Effect"
import { dynamicName } from "../../domain/format/Names.ts"
import type { DynamicWriter, JournalStore } from "../../services/ports/Storage.ts"
import * as GrowableBuffer from "./GrowableBuffer.ts"
import { storageError } from "../storage/storageErrors.ts"
import { refuse, type Session, step } from "./MemoryLib.ts"

export const make = (session: Session): JournalStore => {
  const { dynamics } = session.lib
  const find = (operation: string, n: number): GrowableBuffer.GrowableBuffer =>
    dynamics.get(n) ?? refuse(session, operation, dynamicName(n), "not-found")

  return {
    create: (n, bytes) =>
      step(session, "journal.create", "write", () => {
        const segment = GrowableBuffer.make(bytes)
        dynamics.set(n, segment)
        return makeWriter(session, dynamicName(n), segment)
      }),
    read: (n, offset, length) =>
      step(session, "journal.read", "read", () => find("journal.read", n).read(offset, length)),
    readRanges: (n, ranges) =>
      step(session, "journal.readRanges", "read", () => {
        const segment = find("journal.readRanges", n)
        return ranges.map(([offset, length]) => segment.read(offset, length))
      }),
    size: (n) => step(session, "journal.size", "read", () => dynamics.get(n)?.length()),
    drop: (n) => Effect.asVoid(step(session, "journal.drop", "write", () => dynamics.delete(n))),
    list: step(session, "journal.list", "read", () => [...dynamics.keys()].toSorted((a, b) => a - b))
  }
}

const makeWriter = (session: Session, name: string, segment: GrowableBuffer.GrowableBuffer): DynamicWriter => {
  let closed = false
  return {
    append: (bytes) =>
      Effect.suspend(() => {
        if (closed || session.closed) {
          return Effect.fail(storageError("append", `${session.location}/${name}`, "failed", "it is closed"))
        }
        segment.append(bytes)
        return Effect.void
      }),
    close: Effect.sync(() => {
      closed = true
    })
  }
}
