/**
 * Meta in memory.
 */
import { metaBytesCeiling } from "../../domain/format/Limits.ts"
import type { MetaOwner, MetaStore } from "../../services/ports/Storage.ts"
import { versionOf } from "../storage/metaVersion.ts"
import { isUnsafeTape } from "../storage/fileNames.ts"
import { tooLarge } from "../storage/storageErrors.ts"
import { refuse, type Session, step } from "./MemoryLib.ts"

export const make = (session: Session): MetaStore => {
  const { lib } = session

  const read = (operation: string, owner: MetaOwner): Uint8Array | undefined => {
    if (owner === undefined) return lib.meta
    if (isUnsafeTape(owner)) refuse(session, operation, owner, "unsafe", "it is not the name of a tape")
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
        const after = new Uint8Array(before.length + bytes.length)
        after.set(before)
        after.set(bytes, before.length)
        return write("meta.append", owner, after)
      }),
    replace: (owner, version, bytes) =>
      step(session, "meta.replace", "write", () => {
        readExpected("meta.replace", owner, version)
        return write("meta.replace", owner, bytes.slice())
      })
  }
}
