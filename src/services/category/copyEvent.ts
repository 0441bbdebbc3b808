/** Copies the events that callers give. Only the copying is guarded, since it may run code of the caller. */
import * as Result from "effect/Result"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { shown, unreadable } from "../../domain/format/checkOptions.ts"

/** An event as the application has it. */
export interface Given {
  readonly type: string
  readonly data?: unknown
  readonly metadata?: unknown
}

interface Copy {
  type: string
  data?: unknown
  metadata?: unknown
}

/**
 * Copies an event, also a type, data and metadata that its class gives it. Returns `undefined` if it cannot be read: that
 * may run code of the caller.
 */
export const copyOf = (event: Given, withMetadata: boolean): Copy | undefined => {
  try {
    const copy: Copy = { ...event, type: event.type, data: event.data }
    if (withMetadata) copy.metadata = event.metadata
    return copy
  } catch {
    return undefined
  }
}

/** Returns a copy of an event that a caller gave as a stored one, or why it cannot be read. */
export const copyOfStored = (event: RecordedEvent): Result.Result<RecordedEvent, string> => {
  if (!isObject(event)) return Result.fail(`it must be an object, not ${shown(event)}`)
  try {
    const copy: RecordedEvent = { ...event }
    return Result.succeed(isObject(copy.metadata) ? { ...copy, metadata: { ...copy.metadata } } : copy)
  } catch {
    return Result.fail(`it ${unreadable}`)
  }
}

export const isObject = (value: unknown): value is object => typeof value === "object" && value !== null
