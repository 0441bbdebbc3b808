/**
 * Meta and tapes in memory.
 */
import { metaBytesCeiling } from "../../domain/format/Limits.ts"
import type { MetaOwner, Root } from "../../services/ports/Storage.ts"
import { versionOf } from "../storage/metaVersion.ts"
import { asideName, isUnsafeTape } from "../storage/fileNames.ts"
import { tooLarge } from "../storage/storageErrors.ts"
import { makeTape, refuse, type Session, step } from "./MemoryLib.ts"

export const metaOperations = (session: Session): Pick<Root, "readMeta" | "appendMeta" | "replaceMeta"> => {
  const { lib } = session

  const read = (operation: string, owner: MetaOwner): Uint8Array | undefined => {
    if (owner === undefined) return lib.meta
    if (isUnsafeTape(owner)) refuse(session, operation, owner, "unsafe", "not the name of a tape")
    return lib.tapes.get(owner)?.meta
  }

  const readExpected = (operation: string, owner: MetaOwner, version: string | undefined): Uint8Array => {
    const bytes = read(operation, owner)
    if ((bytes === undefined ? undefined : versionOf(bytes)) !== version) {
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
    readMeta: (owner, bytesMax = metaBytesCeiling) =>
      step(session, "readMeta", "read", () => {
        const bytes = read("readMeta", owner)
        if (bytes !== undefined && bytes.length > bytesMax) {
          refuse(session, "readMeta", owner ?? "", "too-large", tooLarge(bytes.length, bytesMax))
        }
        return bytes === undefined ? undefined : { bytes: bytes.slice(), version: versionOf(bytes) }
      }),
    appendMeta: (owner, version, bytes) =>
      step(session, "appendMeta", "write", () => {
        const before = readExpected("appendMeta", owner, version)
        const after = new Uint8Array(before.length + bytes.length)
        after.set(before)
        after.set(bytes, before.length)
        return write("appendMeta", owner, after)
      }),
    replaceMeta: (owner, version, bytes) =>
      step(session, "replaceMeta", "write", () => {
        readExpected("replaceMeta", owner, version)
        return write("replaceMeta", owner, bytes.slice())
      })
  }
}

export const tapeOperations = (session: Session): Pick<Root, "createTape" | "listTapes"> => {
  const { tapes } = session.lib
  return {
    createTape: (name, meta) =>
      step(session, "createTape", "write", () => {
        if (isUnsafeTape(name)) refuse(session, "createTape", name, "unsafe", "not the name of a tape")
        const namesake = tapes.get(name)
        if (namesake !== undefined) {
          let n = 1
          while (tapes.has(asideName(name, n))) n += 1
          tapes.set(asideName(name, n), namesake)
        }
        tapes.set(name, makeTape(meta.slice()))
      }),
    listTapes: step(session, "listTapes", "read", () =>
      [...tapes.keys()].filter((name) => !isUnsafeTape(name)).toSorted()
    )
  }
}
