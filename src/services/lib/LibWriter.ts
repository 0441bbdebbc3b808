/** The writer of a lib, over all its sessions: whether it has stopped, and when it can be used again. */
import * as Effect from "effect/Effect"
import type { Access } from "./Access.ts"
import type { WriteError } from "./WriterGuard.ts"

export interface LibWriter {
  /** Names the present session: another one after the lib was opened again. */
  readonly session: () => object
  /** Why nothing can be written now; `undefined` if something can, or in a reader. */
  readonly refusal: () => WriteError | undefined
  /** Whether the lib is opened again by itself after its writer has stopped, or is being opened again. */
  readonly reopens: () => boolean
  /** Waits until something can be written, or until nobody opens the lib again. */
  readonly untilWritable: Effect.Effect<void>
}

/** A writer of which nothing is known. */
const unknown: LibWriter = {
  session: () => unknown,
  refusal: () => undefined,
  reopens: () => false,
  untilWritable: Effect.void
}

export const writerOf = (access: Access | undefined): LibWriter => {
  if (access === undefined) return unknown
  const refusal = (): WriteError | undefined => {
    const { guard, root } = access.current.handle
    return root.mode === "read" ? undefined : guard.refusal()
  }
  const reopens = (): boolean => access.attempt !== undefined || access.reopensItself
  const untilWritable: Effect.Effect<void> = Effect.suspend(() => {
    if (access.attempt !== undefined) return Effect.andThen(access.attempt, untilWritable)
    if (refusal() === undefined || !access.reopensItself) return Effect.void
    const { handle } = access.current
    const hasChanged = (): boolean =>
      access.attempt !== undefined || access.current.handle !== handle || !access.reopensItself
    return Effect.andThen(handle.news.until(hasChanged), untilWritable)
  })
  return { session: () => access.current.handle, refusal, reopens, untilWritable }
}
