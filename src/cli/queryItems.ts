/** Items of a query, as they are written on the command line. */
import * as Effect from "effect/Effect"
import { Boundary, type QueryItem } from "../services/EventStore.ts"
import { Usage } from "./errors.ts"
import { readJson } from "./readJson.ts"

const wrong = (text: string, why: string): Usage =>
  new Usage({ message: `${JSON.stringify(text)} is not an item of a query: ${why}.` })

/** Reads one item: types and tags with a #, separated by spaces or commas, or JSON. */
const parseItem = (text: string): Effect.Effect<QueryItem, Usage> => {
  if (text.trimStart().startsWith("{")) {
    return Effect.try({
      // The store checks its fields.
      try: () => readJson(text) as unknown as QueryItem,
      catch: () => wrong(text, "it begins with { but is not JSON")
    })
  }
  const words = text.split(/[\s,]+/).filter((word) => word !== "")
  const types = words.filter((word) => !word.startsWith("#"))
  const tags = words.filter((word) => word.startsWith("#")).map((word) => word.slice(1))
  return words.length === 0
    ? Effect.fail(wrong(text, "it must name a type, or a tag after a #"))
    : Effect.succeed({ ...(types.length > 0 ? { types } : {}), ...(tags.length > 0 ? { tags } : {}) })
}

/** Reads the items of a query. */
export const parseItems = (texts: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<QueryItem>, Usage> =>
  Effect.forEach(texts, parseItem)

/** Reads a boundary that `litetapes query` printed. */
export const parseBoundary = (text: string): Effect.Effect<Boundary, Usage> =>
  Effect.try({
    try: () => Boundary.decode(text),
    catch: () =>
      new Usage({ message: `${JSON.stringify(text)} is not a boundary: pass one that litetapes query printed.` })
  })
