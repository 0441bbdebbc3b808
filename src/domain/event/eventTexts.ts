/** The texts of an event's envelope: its type, id and tags. Events, queries and conditions check them alike. */
import type { Wrong } from "../format/checkOptions.ts"
import { isReservedType } from "../format/Format.ts"

export const idBytesMax = 256
const typeBytesMax = 256
/** Number of tags that an event has at most, and of those that an item of a query names. */
export const tagsMax = 64
const tagBytesMax = 256

const byteLength = (text: string): number => Buffer.byteLength(text, "utf8")

const nonCharacters = /[\u{fdd0}-\u{fdef}]|[\u{fffe}\u{ffff}]|\p{Noncharacter_Code_Point}/u

const canBeStored = (text: string): boolean => text.isWellFormed() && !nonCharacters.test(text)

const isText = (text: string, bytesMax: number): boolean => canBeStored(text) && byteLength(text) <= bytesMax

export const isId = (id: unknown): id is string => typeof id === "string" && id !== "" && isText(id, idBytesMax)

/** Types that are known to be valid: applications have few, and use them again and again. */
const goodTypes = new Set<string>()
const goodTypesMax = 1000

export const noType = "its type must be a non-empty text"

/** Returns why this cannot be the type of an event, or `undefined`. */
export const problemOfType = (type: unknown): string | undefined => {
  if (goodTypes.has(type as string)) return undefined
  if (typeof type !== "string" || type === "") return noType
  if (isReservedType(type)) return `the type ${type} is reserved: choose one outside LiteTape. and LiteLib.`
  if (!isText(type, typeBytesMax)) return `its type has more than ${typeBytesMax} bytes or is not well-formed`
  if (goodTypes.size >= goodTypesMax) goodTypes.clear()
  goodTypes.add(type)
  return undefined
}

/**
 * Returns what is wrong with a list of tags, and where in it, or `undefined`. Does not repeat the tags, which are data.
 * Uses no method of the array, which the caller may have replaced, and allocates nothing unless something is wrong.
 */
export const problemOfTags = (tags: unknown): Wrong | undefined => {
  if (!Array.isArray(tags)) return noTexts
  const count = tags.length
  if (count > tagsMax) return { below: "", why: `must be an array of at most ${tagsMax} texts, not of ${count}` }
  for (let at = 0; at < count; at++) {
    const tag: unknown = tags[at]
    if (typeof tag !== "string") return noTexts
    if (tag === "") return { below: `[${at}]`, why: `must not be empty: a tag is a text of 1 to ${tagBytesMax} bytes` }
    // A code unit has at most three bytes.
    if (tag.length * 3 > tagBytesMax && byteLength(tag) > tagBytesMax) {
      return { below: `[${at}]`, why: `must have at most ${tagBytesMax} bytes, not ${byteLength(tag)}` }
    }
    for (let before = 0; before < at; before++) {
      if (tags[before] === tag) return { below: `[${at}]`, why: `must not repeat [${before}]: give each tag once` }
    }
  }
  return undefined
}

const noTexts: Wrong = { below: "", why: "must be an array of texts" }

/** Does the same for the tags of a query. A text that no record can hold would never match. */
export const problemOfWantedTags = (tags: unknown): Wrong | undefined => {
  const wrong = problemOfTags(tags)
  if (wrong !== undefined) return wrong
  const all = tags as ReadonlyArray<string>
  for (let at = 0; at < all.length; at++) {
    if (!canBeStored(all[at]!)) return { below: `[${at}]`, why: "must be well-formed, without Unicode noncharacters" }
  }
  return undefined
}
