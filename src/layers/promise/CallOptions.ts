/** Options of calls, as callers without Effect give them, and how they become those of the services. */
import * as Effect from "effect/Effect"
import type { OnProgress, Progress } from "../../services/base/Progress.ts"

/** Options of every call that takes time. */
export interface CallOptions {
  /**
   * Aborts the call, which then rejects with `Aborted`. An append that waits for its turn is withdrawn; one that is being
   * written is not, and the error says that it may be stored. Other calls end what they have begun, or remove it, before
   * they reject.
   */
  readonly signal?: AbortSignal
}

/** Options of a long call: `O` without what needs Effect. */
export type LongCallOptions<O> = Omit<O, "onProgress" | "storage"> &
  CallOptions & {
    /** Receives the progress. If it throws, the call fails with that. */
    readonly onProgress?: (progress: Progress) => void
  }

/** Returns the options without the signal. Allocates nothing unless there is one. */
export const withoutSignal = <O extends CallOptions>(options: O | undefined): Omit<O, "signal"> | undefined => {
  if (typeof options !== "object" || options === null) return options
  try {
    if (!Object.hasOwn(options, "signal")) return options
    const { signal: _, ...rest } = options
    return rest
  } catch {
    return unread(options)
  }
}

type ForServices<O> = Omit<O, "onProgress" | "signal"> & { readonly onProgress?: OnProgress }

/** Returns the options of a long call as its service takes them. What is not right in them is passed on, to be refused there. */
export const forServices = <O extends LongCallOptions<object>>(options: O | undefined): ForServices<O> => {
  if (options === undefined) return {} as ForServices<O>
  if (typeof options !== "object" || options === null) return options as ForServices<O>
  try {
    const { onProgress, signal: _, ...rest } = options
    if (onProgress === undefined) return rest as ForServices<O>
    if (typeof onProgress !== "function") return { ...rest, onProgress } as ForServices<O>
    const report: OnProgress = (progress) => Effect.sync(() => onProgress(progress))
    return { ...rest, onProgress: report } as ForServices<O>
  } catch {
    return unread<object>(options) as ForServices<O>
  }
}

/** Returns options of which something cannot be read, without the signal: a service refuses them. */
const unread = <O extends object>(options: O): O => {
  try {
    const { signal: _, ...others } = Object.getOwnPropertyDescriptors(options) as PropertyDescriptorMap
    return Object.defineProperties({}, others) as O
  } catch {
    return options
  }
}
