/**
 * Bytes that are never read again, kept in memory.
 */
import type { Quarantine } from "../../services/ports/Storage.ts"
import { isUnsafePath, quarantineName } from "../storage/fileNames.ts"
import { refuse, type Session, step } from "./MemoryLib.ts"

export const make = (session: Session): Quarantine => {
  const { quarantine } = session.lib
  return {
    keep: (name, bytes) =>
      step(session, "quarantine.keep", "write", () => {
        if (isUnsafePath(name))
          refuse(session, "quarantine.keep", name, "unsafe", "it is not the name of a file in the lib")
        let n = 1
        while (quarantine.has(quarantineName(name, n))) n += 1
        quarantine.set(quarantineName(name, n), bytes.slice())
        return `${session.location}/${quarantineName(name, n)}`
      })
  }
}
