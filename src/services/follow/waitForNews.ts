/** Waits for batches that a session shows, as long as it can show any. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Cause from "effect/Cause"
import type { LibClosed, ReaderBusy } from "../../domain/format/Errors.ts"
import type { Access } from "../lib/Access.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenError } from "../lib/OpenError.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import { followerOf } from "./ReaderFollower.ts"

/** Why no further events can come. */
export type FollowError = LibClosed | WriteError | OpenError | ReaderBusy

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
    if (access.changesRole === true) return Effect.asVoid(Effect.forkScoped(inEachRole(access)))
    return handle.root.mode === "write" ? keepAlive(access) : followerOf(handle).looking
  })

/** Follows as long as the lib is open, whether it is the writer or a reader at the time. */
const inEachRole = (access: Access): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { handle } = access.current
    const isOver = (): boolean => handle.guard.isClosed && access.attempt === undefined && !access.reopensItself
    const changed = handle.news.until(() => isOver() || access.current.handle !== handle)
    const held = handle.root.mode === "write" ? Effect.forever(Effect.sleep("20 days")) : Effect.never
    const role = Effect.raceFirst(held, changed)
    const followed = handle.root.mode === "write" ? role : Effect.andThen(followerOf(handle).looking, role)
    return Effect.andThen(
      Effect.scoped(followed),
      Effect.suspend(() => (access.current.handle === handle ? Effect.void : inEachRole(access)))
    )
  })

/** A timer that keeps the process alive until the lib closes. It waits close to the longest time that Node allows. */
const keepAlive = (access: Access): Effect.Effect<void, never, Scope.Scope> => {
  const over: Effect.Effect<void> = Effect.suspend(() => {
    const { handle } = access.current
    const isOver = (): boolean => handle.guard.isClosed && access.attempt === undefined && !access.reopensItself
    return Effect.andThen(
      handle.news.until(() => isOver() || access.current.handle !== handle),
      Effect.suspend(() => (access.current.handle === handle ? Effect.void : over))
    )
  })
  return Effect.asVoid(Effect.forkScoped(Effect.raceFirst(Effect.forever(Effect.sleep("20 days")), over)))
}

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
    if (end !== undefined) return Effect.failCause(end)
    const isOver = (): boolean =>
      access.attempt !== undefined || access.current.handle !== handle || endOf(access, handle) !== undefined
    const wait = news.until(() => isOver() || (!guard.isClosed && isThere(handle)))
    return Effect.andThen(wait, again)
  })

/** Returns why nothing can follow in this session; `undefined` if something can. */
const endOf = (access: Access, handle: LibHandle): Cause.Cause<FollowError> | undefined => {
  const { guard, root } = handle
  if (root.mode === "read" && !guard.isClosed) return followerOf(handle).failure
  if (access.reopensItself) return undefined
  if (guard.isClosed) return Cause.fail(guard.closedError)
  const refusal = guard.refusal()
  return refusal === undefined ? undefined : Cause.fail(refusal)
}
