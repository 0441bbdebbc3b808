/**
 * Turns the errors that `node:fs` throws, or passes to callbacks, into `DiskError`.
 */
import * as Effect from "effect/Effect"
import { DiskError } from "../../services/ports/Disk.ts"

export const diskError = (operation: string, path: string, code: string): DiskError =>
  new DiskError({ operation, path, code })

/** Fails with the errno of an error. An error without one is a bug of ours: the caller dies with it. */
export const failure = (operation: string, path: string, cause: unknown): Effect.Effect<never, DiskError> => {
  const code = (cause as NodeJS.ErrnoException | null)?.code
  // Node's own codes (ERR_INVALID_ARG_TYPE, …) show that we called it wrongly; codes of the system begin otherwise. The
  // one exception is what `node --permission` refuses.
  return typeof code === "string" && (!code.startsWith("ERR_") || code === "ERR_ACCESS_DENIED")
    ? Effect.fail(diskError(operation, path, code))
    : Effect.die(cause)
}

/** Runs a synchronous call of `node:fs`. */
export const attempt = <A>(operation: string, path: string, run: () => A): Effect.Effect<A, DiskError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (cause) {
      return failure(operation, path, cause)
    }
  })

/**
 * Runs a call of `node:fs` in the thread pool. It cannot be interrupted: the kernel continues in any case, and the
 * caller has to know the outcome. On success, Node calls back with `null` and Deno with `undefined`.
 */
export const background = (
  operation: string,
  path: string,
  start: (done: (cause: NodeJS.ErrnoException | null | undefined) => void) => void
): Effect.Effect<void, DiskError> =>
  Effect.uninterruptible(
    Effect.callback<void, DiskError>((resume) => {
      // Some runtimes call back with `undefined` where Node has `null`.
      start((cause) => resume(cause === null || cause === undefined ? Effect.void : failure(operation, path, cause)))
    })
  )
