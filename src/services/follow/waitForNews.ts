/** Waits for batches that a session shows, as long as it can show any. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LibClosed } from "../../domain/format/Errors.ts"
import type { Access } from "../lib/Access.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenError } from "../lib/OpenError.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import { followerOf } from "./ReaderFollower.ts"

/** Why no further events can come. */
export type FollowError = LibClosed | WriteError | OpenError

/** How a session learns of new batches. */
export type Source = "commits" | "watch" | "interval"

/** Returns how a session learns of new batches now. */
export const sourceOf = (handle: LibHandle): Source => {
  if (handle.root.mode === "write") return "commits"
  return followerOf(handle).isWatched ? "watch" : "interval"
}

/**
 * Follows what other processes append, until the scope closes. In the writer's process commits wake a subscription, and a
 * timer only keeps the process alive: a subscription has not finished.
 */
export const following = (access: Access): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const { handle } = access.current
    return handle.root.mode === "write" ? keepAlive : followerOf(handle).looking
  })

/** Close to the longest time that a timer of Node can wait. */
const keepAlive = Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.sleep("20 days"))))

/**
 * Returns the session to read from once `isThere` holds for it. Waits while the lib is being opened again. Fails if the
 * lib closes, or if its writer has stopped and nobody opens it again: then nothing would ever come.
 */
export const sessionWith = (
  access: Access,
  isThere: (handle: LibHandle) => boolean
): Effect.Effect<LibHandle, FollowError> =>
  Effect.suspend((): Effect.Effect<LibHandle, FollowError> => {
    const again = sessionWith(access, isThere)
    if (access.attempt !== undefined) return Effect.andThen(access.attempt, again)
    const { handle } = access.current
    const { guard, news } = handle
    if (!guard.isClosed && isThere(handle)) return Effect.succeed(handle)
    const end = endOf(access, handle)
    if (end !== undefined) return Effect.fail(end)
    const isOver = (): boolean =>
      access.attempt !== undefined || access.current.handle !== handle || endOf(access, handle) !== undefined
    const wait = news.until(() => isOver() || (!guard.isClosed && isThere(handle)))
    return Effect.andThen(wait, again)
  })

/** Returns why nothing can follow in this session; `undefined` if something can. */
const endOf = (access: Access, handle: LibHandle): FollowError | undefined => {
  const { guard, root } = handle
  if (access.reopensItself) return undefined
  if (guard.isClosed) return guard.closedError
  return root.mode === "write" ? guard.refusal() : followerOf(handle).failure
}
