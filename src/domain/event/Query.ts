/** Queries of events by type and tags: what a decision rests on, whatever streams the events are in. */
import { isArray } from "../base/isArray.ts"
import { InvalidArgument } from "../format/CallErrors.ts"
import {
  type Check,
  type Checks,
  elementOf,
  nested,
  shown,
  texts,
  unreadable,
  type Wrong
} from "../format/checkOptions.ts"
import { problemOfType, problemOfWantedTags } from "./eventTexts.ts"

/**
 * Events that match an item: those that have one of `types` and all of `tags`. A field that is left out matches every
 * event; at least one must be given.
 */
export interface QueryItem {
  /** Event types, one of which the event must have, such as `StudentSubscribed`. Must not be empty. */
  readonly types?: ReadonlyArray<string>
  /** Tags, all of which the event must have, such as `course:17`: 1 to 64, none twice. */
  readonly tags?: ReadonlyArray<string>
}

/**
 * Selects events by type and tags: `"all"`, or the events that match at least one of these items. There may be 1,024
 * items, which together name at most 4,096 types and tags. Empty lists are refused everywhere: a program may compute a
 * list that happens to be empty. If an empty list matched nothing, it would switch a condition off; if it matched
 * everything, a query would return more than was asked for. A type or a tag that no event can have, such as an empty
 * one, is refused for the same reason.
 */
export type Query = "all" | ReadonlyArray<QueryItem>

/** Number of items of a query. Every event that is read may be compared with all of them. */
const itemsMax = 1024

/** Number of types and tags in a query. */
const textsMax = 4096

const nonEmpty = (check: (list: unknown) => Wrong | undefined): Check => {
  return (list) => {
    if (list === undefined) return undefined
    const wrong = check(list)
    if (wrong !== undefined) return wrong
    return (list as ReadonlyArray<unknown>).length > 0
      ? undefined
      : { below: "", why: "must not be empty: leave the key out, or name at least one" }
  }
}

const tooMany = (count: number): string => `must name at most ${textsMax} types and tags in all, not ${count}`

/** A type may be there twice: one of them is enough. */
const problemOfWantedTypes: Check = (types) => {
  // Before each is looked at.
  if (isArray(types) && types.length > textsMax) return { below: "", why: tooMany(types.length) }
  const wrong = texts(types)
  if (wrong !== undefined) return wrong
  const all = types as ReadonlyArray<string>
  for (let at = 0; at < all.length; at++) {
    if (problemOfType(all[at]) !== undefined) {
      return {
        below: `[${at}]`,
        why: "must be a type that an event can have: not empty, not reserved, at most 256 bytes"
      }
    }
  }
  return undefined
}

const itemFields = nested({
  types: nonEmpty(problemOfWantedTypes),
  tags: nonEmpty(problemOfWantedTags)
} satisfies Checks<QueryItem>)

const checkItem: Check = (item) => {
  if (typeof item !== "object" || item === null) return { below: "", why: `must be an object, not ${shown(item)}` }
  const wrong = itemFields(item)
  if (wrong !== undefined) return wrong
  const { tags, types } = item as QueryItem
  return types === undefined && tags === undefined
    ? { below: "", why: 'must have types or tags: the query for all events is "all"' }
    : undefined
}

/** Returns the number of types and tags of an item. */
const textsIn = ({ tags = [], types = [] }: QueryItem): number => tags.length + types.length

/** Checks a query. `undefined` is not one. */
export const queryCheck: Check = (query) => {
  try {
    if (query === "all") return undefined
    if (!isArray(query)) return { below: "", why: `must be "all" or an array of items, not ${shown(query)}` }
    if (query.length === 0) return { below: "", why: 'must not be empty: the query for all events is "all"' }
    if (query.length > itemsMax) return { below: "", why: `must have at most ${itemsMax} items, not ${query.length}` }
    let count = 0
    for (let at = 0; at < query.length; at++) {
      const item = elementOf(query, at)
      const wrong = checkItem(item)
      if (wrong !== undefined) return { below: `[${at}]${wrong.below}`, why: wrong.why }
      count += textsIn(item as QueryItem)
    }
    return count > textsMax ? { below: "", why: tooMany(count) } : undefined
  } catch {
    return { below: "", why: unreadable }
  }
}

/**
 * Returns a copy of a query that was checked, so that its caller may change it meanwhile.
 *
 * @throws InvalidArgument
 */
export const takeQuery = (call: string, argument: string, query: unknown): Query => {
  const wrong = queryCheck(query)
  if (wrong !== undefined) throw new InvalidArgument({ call, argument: `${argument}${wrong.below}`, why: wrong.why })
  try {
    return copyOf(query as Query)
  } catch {
    throw new InvalidArgument({ call, argument, why: unreadable })
  }
}

/** Returns a copy of a query that was checked. */
export const copyOf = (query: Query): Query =>
  query === "all"
    ? query
    : query.map(({ tags, types }) => ({
        ...(types === undefined ? {} : { types: [...types] }),
        ...(tags === undefined ? {} : { tags: [...tags] })
      }))

/** The fields of an event that a query compares. */
export interface Tagged {
  readonly type: string
  readonly tags: ReadonlyArray<string>
}

export const matchesItem = ({ tags, types }: QueryItem, event: Tagged): boolean =>
  (types === undefined || types.includes(event.type)) &&
  (tags === undefined || tags.every((tag) => event.tags.includes(tag)))

/** Returns whether an event matches at least one item of a query. */
export const matches = (query: Query, event: Tagged): boolean =>
  query === "all" || query.some((item) => matchesItem(item, event))
