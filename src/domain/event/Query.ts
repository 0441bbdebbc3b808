/** Queries of events by type and tags: what a decision rests on, whatever streams the events are in. */
import { isArray } from "../base/isArray.ts"
import { InvalidArgument } from "../format/CallErrors.ts"
import { type Check, type Checks, elementOf, nested, shown, texts, unreadable } from "../format/checkOptions.ts"

/**
 * Events that match an item: those that have one of `types` and all of `tags`. A field that is left out matches every
 * event; at least one must be given.
 */
export interface QueryItem {
  /** Event types, one of which the event must have, such as `StudentSubscribed`. Must not be empty. */
  readonly types?: ReadonlyArray<string>
  /** Tags, all of which the event must have, such as `course:17`. Must not be empty. */
  readonly tags?: ReadonlyArray<string>
}

/**
 * Selects events by type and tags: `"all"`, or the events that match at least one of these items. An empty list is refused
 * wherever it stands. As part of a condition, a list that a program computed and that came out empty would switch the check
 * off if it matched nothing, and return more than was asked for if it matched everything.
 */
export type Query = "all" | ReadonlyArray<QueryItem>

const notEmpty: Check = (value) => {
  const wrong = texts(value)
  if (wrong !== undefined || value === undefined) return wrong
  return (value as ReadonlyArray<string>).length > 0
    ? undefined
    : { below: "", why: "must not be empty: leave the key out, or name at least one" }
}

const itemFields = nested({ types: notEmpty, tags: notEmpty } satisfies Checks<QueryItem>)

const checkItem: Check = (item) => {
  if (typeof item !== "object" || item === null) return { below: "", why: `must be an object, not ${shown(item)}` }
  const wrong = itemFields(item)
  if (wrong !== undefined) return wrong
  const { tags, types } = item as QueryItem
  return types === undefined && tags === undefined
    ? { below: "", why: 'must have types or tags: the query for all events is "all"' }
    : undefined
}

/** Checks a query. `undefined` is not one. */
export const queryCheck: Check = (query) => {
  try {
    if (query === "all") return undefined
    if (!isArray(query)) return { below: "", why: `must be "all" or an array of items, not ${shown(query)}` }
    if (query.length === 0) return { below: "", why: 'must not be empty: the query for all events is "all"' }
    for (let at = 0; at < query.length; at++) {
      const wrong = checkItem(elementOf(query, at))
      if (wrong !== undefined) return { below: `[${at}]${wrong.below}`, why: wrong.why }
    }
    return undefined
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

/** What a query looks at. */
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
