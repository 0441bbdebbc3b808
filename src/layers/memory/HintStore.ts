/**
 * The hint in memory.
 */
import type { HintStore } from "../../services/ports/Storage.ts"
import { type Session, step } from "./MemoryLib.ts"

export const make = (session: Session): HintStore => {
  const { lib } = session
  return {
    write: (bytes) =>
      step(session, "hint.write", "write", () => {
        const after = new Uint8Array(Math.max(bytes.length, lib.hint?.length ?? 0))
        after.set(lib.hint ?? [])
        after.set(bytes)
        lib.hint = after
      }),
    read: step(session, "hint.read", "read", () => lib.hint?.slice())
  }
}
