/**
 * The hint in memory.
 */
import * as Effect from "effect/Effect"
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
        for (const changed of lib.watchers) changed()
      }),
    read: step(session, "hint.read", "read", () => lib.hint?.slice()),
    watch: (changed) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => {
            const report = (): void => changed()
            lib.watchers.add(report)
            return report
          }),
          (report) => Effect.sync(() => lib.watchers.delete(report))
        )
      )
  }
}
