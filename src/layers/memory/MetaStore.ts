/**
 * Meta in memory.
 */
import { metaBytesCeiling } from "../../domain/format/Limits.ts"
import type { MetaOwner, MetaStore } from "../../services/ports/Storage.ts"
import { RunningVersion, versionOf } from "../storage/metaVersion.ts"
import { isUnsafeTape } from "../storage/fileNames.ts"
import { tooLarge } from "../storage/storageErrors.ts"
import { refuse, type Session, step } from "./MemoryLib.ts"

/** Returns `before` with `more` at its end: in the memory that it is a part of, if there is room. */
const grown = (before: Uint8Array, more: Uint8Array): Uint8Array => {
  const length = before.length + more.length
  const hasRoom = before.byteOffset === 0 && before.buffer.byteLength >= length
  const memory = hasRoom ? new Uint8Array(before.buffer) : new Uint8Array(2 * length)
  if (!hasRoom) memory.set(before)
  memory.set(more, before.length)
  return memory.subarray(0, length)
}

export const make = (session: Session): MetaStore => {
  const { lib } = session

  const read = (operation: string, owner: MetaOwner): Uint8Array | undefined => {
    if (owner === undefined) return lib.meta
    if (isUnsafeTape(owner)) refuse(session, operation, owner, "unsafe", "it is not the name of a tape")
    return lib.tapes.get(owner)?.meta
  }

  const versionOfMeta = (bytes: Uint8Array | undefined): string | undefined => {
    if (bytes === undefined) return undefined
    return bytes === lib.grown?.bytes ? lib.grown.running.version : versionOf(bytes)
  }

  const readExpected = (operation: string, owner: MetaOwner, version: string | undefined): Uint8Array => {
    const bytes = read(operation, owner)
    if (versionOfMeta(bytes) !== version) {
      refuse(session, operation, owner ?? "", version === undefined ? "exists" : "changed")
    }
    return bytes ?? new Uint8Array()
  }

  const write = (operation: string, owner: MetaOwner, bytes: Uint8Array): string => {
    if (owner === undefined) lib.meta = bytes
    else (lib.tapes.get(owner) ?? refuse(session, operation, owner, "not-found")).meta = bytes
    return versionOf(bytes)
  }

  return {
    read: (owner, bytesMax = metaBytesCeiling) =>
      step(session, "meta.read", "read", () => {
        const bytes = read("meta.read", owner)
        if (bytes !== undefined && bytes.length > bytesMax) {
          refuse(session, "meta.read", owner ?? "", "too-large", tooLarge(bytes.length, bytesMax))
        }
        return bytes === undefined ? undefined : { bytes: bytes.slice(), version: versionOf(bytes) }
      }),
    append: (owner, version, bytes) =>
      step(session, "meta.append", "write", () => {
        const before = readExpected("meta.append", owner, version)
        const after = grown(before, bytes)
        if (owner !== undefined) return write("meta.append", owner, after)
        const known = before === lib.grown?.bytes ? lib.grown.running : RunningVersion.of(before)
        lib.meta = after
        lib.grown = { bytes: after, running: known.with(bytes) }
        return lib.grown.running.version
      }),
    replace: (owner, version, bytes) =>
      step(session, "meta.replace", "write", () => {
        readExpected("meta.replace", owner, version)
        return write("meta.replace", owner, bytes.slice())
      })
  }
}
