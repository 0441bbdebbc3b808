/** The version of an event's type, in the metadata of the stored event. Version 1 is not written. */
import { unreadable } from "../../domain/format/checkOptions.ts"
import { isPlain } from "../../domain/json/plainPrototype.ts"
import { isObject } from "./copyEvent.ts"
import { versionKey } from "./versionKey.ts"

/** Returns the version in the metadata of a stored event, which may be anything. Returns `undefined` if it is absent. */
export const versionIn = (metadata: unknown): unknown =>
  isObject(metadata) && Object.hasOwn(metadata, versionKey)
    ? (metadata as { readonly [versionKey]: unknown })[versionKey]
    : undefined

/** Returns the metadata that an event had before it was stored. */
export const withoutVersion = <M extends object>(metadata: M): M => {
  const { [versionKey]: _, ...rest } = metadata as M & { readonly [versionKey]?: unknown }
  return rest as unknown as M
}

/** Returns the metadata to store for an event of a version after the first one. */
export const withVersion = (metadata: unknown, version: number): unknown =>
  metadata === undefined
    ? { [versionKey]: version }
    : // The event store refuses what is not plain.
      isPlain(metadata)
      ? { ...(metadata as object), [versionKey]: version }
      : metadata

/** Returns why an event to append cannot have this metadata, which may be anything, or `undefined`. */
export const refuseVersion = (metadata: unknown): string | undefined => {
  try {
    return isObject(metadata) && Object.hasOwn(metadata, versionKey) ? setByCategory : undefined
  } catch {
    return `it ${unreadable}`
  }
}

const setByCategory = `its key ${versionKey} is the version of the event's type, which the category sets: leave it out`
