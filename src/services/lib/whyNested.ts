/** Keeps what is written apart from what it is written from: a folder in the folder of a lib is moved aside, or removed. */
import type { Storage } from "../ports/Storage.ts"

/**
 * Returns why nothing made from the lib, or the backup, at `from` may be written to `location` in `storage`, or
 * `undefined` if the two are apart. A storage that does not resolve locations is judged by their names.
 */
export const whyNested = (storage: Storage["Service"], location: string, from: string): string | undefined => {
  const [to, source] = [storage.resolve?.(location) ?? location, storage.resolve?.(from) ?? from]
  if (isWithin(to, source)) {
    return "it is the folder that is read from itself, or in it. Choose a place outside of it."
  }
  if (storage.resolve !== undefined && isWithin(source, to)) {
    return "the folder that is read from is in it. Choose a place apart from it."
  }
  return undefined
}

/** Returns whether a location is another one, or within it, as far as their names tell. */
const isWithin = (location: string, around: string): boolean => {
  const [inner, outer] = [partsOf(location), partsOf(around)]
  return outer.every((part, n) => inner[n] === part) && inner[outer.length] !== ".."
}

const partsOf = (location: string): ReadonlyArray<string> => {
  const parts: Array<string> = [/^[/\\]/.test(location) ? "/" : "."]
  for (const part of location.split(/[/\\]+/)) {
    if (part === "" || part === ".") continue
    if (part === ".." && parts.length > 1 && parts.at(-1) !== "..") parts.pop()
    else parts.push(part)
  }
  return parts
}
