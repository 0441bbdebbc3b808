/**
 * Dynamic segments, what is set aside and the hint, in memory.
 */
import * as Effect from "effect/Effect"
import { dynamicName } from "../../domain/format/Names.ts"
import type { DynamicWriter, Root } from "../../services/ports/Storage.ts"
import * as GrowableBuffer from "./GrowableBuffer.ts"
import { isUnsafePath, quarantineName } from "../storage/fileNames.ts"
import { storageError } from "../storage/storageErrors.ts"
import { refuse, type Session, step } from "./MemoryLib.ts"

export const dynamicOperations = (
  session: Session
): Pick<
  Root,
  "createDynamic" | "readDynamic" | "readDynamicRanges" | "dynamicSize" | "dropDynamic" | "listDynamics" | "setAside"
> => {
  const { dynamics, setAside } = session.lib
  const find = (operation: string, n: number): GrowableBuffer.GrowableBuffer =>
    dynamics.get(n) ?? refuse(session, operation, dynamicName(n), "not-found")

  return {
    createDynamic: (n, bytes) =>
      step(session, "createDynamic", "write", () => {
        const segment = GrowableBuffer.make(bytes)
        dynamics.set(n, segment)
        return makeWriter(session, dynamicName(n), segment)
      }),
    readDynamic: (n, offset, length) =>
      step(session, "readDynamic", "read", () => find("readDynamic", n).read(offset, length)),
    readDynamicRanges: (n, ranges) =>
      step(session, "readDynamicRanges", "read", () => {
        const segment = find("readDynamicRanges", n)
        return ranges.map(([offset, length]) => segment.read(offset, length))
      }),
    dynamicSize: (n) => step(session, "dynamicSize", "read", () => dynamics.get(n)?.length()),
    dropDynamic: (n) => Effect.asVoid(step(session, "dropDynamic", "write", () => dynamics.delete(n))),
    listDynamics: step(session, "listDynamics", "read", () => [...dynamics.keys()].toSorted((a, b) => a - b)),
    setAside: (name, bytes) =>
      step(session, "setAside", "write", () => {
        if (isUnsafePath(name)) refuse(session, "setAside", name, "unsafe", "not the name of a file in the lib")
        let n = 1
        while (setAside.has(quarantineName(name, n))) n += 1
        setAside.set(quarantineName(name, n), bytes.slice())
        return `${session.location}/${quarantineName(name, n)}`
      })
  }
}

const makeWriter = (session: Session, name: string, segment: GrowableBuffer.GrowableBuffer): DynamicWriter => {
  let closed = false
  return {
    append: (bytes) =>
      Effect.suspend(() => {
        if (closed || session.closed) {
          return Effect.fail(storageError("append", `${session.location}/${name}`, "failed", "closed"))
        }
        segment.append(bytes)
        return Effect.void
      }),
    close: Effect.sync(() => {
      closed = true
    })
  }
}

export const hintOperations = (session: Session): Pick<Root, "writeHint" | "readHint"> => {
  const { lib } = session
  return {
    writeHint: (bytes) =>
      step(session, "writeHint", "write", () => {
        const after = new Uint8Array(Math.max(bytes.length, lib.hint?.length ?? 0))
        after.set(lib.hint ?? [])
        after.set(bytes)
        lib.hint = after
      }),
    readHint: step(session, "readHint", "read", () => lib.hint?.slice())
  }
}
