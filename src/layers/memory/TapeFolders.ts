/**
 * Tapes in memory.
 */
import type { TapeFolders } from "../../services/ports/Storage.ts"
import { asideName, isUnsafeTape } from "../storage/fileNames.ts"
import { makeTape, refuse, type Session, step } from "./MemoryLib.ts"

export const make = (session: Session): TapeFolders => {
  const { tapes } = session.lib
  return {
    create: (name, meta) =>
      step(session, "tapes.create", "write", () => {
        if (isUnsafeTape(name)) refuse(session, "tapes.create", name, "unsafe", "it is not the name of a tape")
        const namesake = tapes.get(name)
        if (namesake !== undefined) {
          let n = 1
          while (tapes.has(asideName(name, n))) n += 1
          tapes.set(asideName(name, n), namesake)
        }
        tapes.set(name, makeTape(meta.slice()))
      }),
    list: step(session, "tapes.list", "read", () => [...tapes.keys()].filter((name) => !isUnsafeTape(name)).toSorted())
  }
}
