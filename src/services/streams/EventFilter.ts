/** Filters of events. As much as possible is decided from the beginning of a line, before it is parsed. */
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { matches, type Query, type QueryItem } from "../../domain/event/Query.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { aText, type Checks, texts } from "../../domain/format/checkOptions.ts"
import { category } from "../../domain/format/Placement.ts"

/**
 * Filter of events. Every given field must match. One of the values of a field is enough, except that an event must
 * have all of `tags`. An empty list matches no event, whatever the field: a list that a program computed and that came out
 * empty never returns more than was asked for. To leave a condition out, omit the field.
 */
export interface EventFilter {
  /** Categories, such as `order`. */
  readonly categories?: ReadonlyArray<string>
  /** Event types, such as `OrderPlaced`. */
  readonly types?: ReadonlyArray<string>
  /** Tags, all of which the event must have. */
  readonly tags?: ReadonlyArray<string>
  /** Correlation id in the event's metadata. */
  readonly correlationId?: string
}

/**
 * Filter of the events of one stream or of one category, which it cannot choose. `Type` is a type of the events that may
 * match.
 */
export interface TypeFilter<Type extends string = string> extends Omit<EventFilter, "categories" | "types"> {
  /** Event types, such as `OrderPlaced`. */
  readonly types?: ReadonlyArray<Type>
  /** Refused, by types and when the program runs: the name of the stream or the category decides. */
  readonly categories?: never
}

/** Returns the error for a filter with categories that the read would ignore. */
export const refuseCategories = (filter: TypeFilter | undefined, call: string): InvalidArgument | undefined =>
  filter?.categories === undefined
    ? undefined
    : new InvalidArgument({
        call,
        argument: "options.filter.categories",
        why: "would be ignored, because this call reads one stream or one category: leave it out"
      })

export const filterChecks = {
  categories: texts,
  types: texts,
  tags: texts,
  correlationId: aText
} satisfies Checks<EventFilter>

/** Returns whether a list of the filter is empty. */
export const matchesNothing = ({ categories, tags, types }: EventFilter = {}): boolean =>
  categories?.length === 0 || tags?.length === 0 || types?.length === 0

export interface Compiled {
  /** Returns whether the line that begins at `start` may match. */
  readonly mayMatch: (text: string, start: number) => boolean
  readonly matches: (event: RecordedEvent) => boolean
  /** Items, one of which every event that matches has: they are looked up. `undefined`: any event may match. */
  readonly items: ReadonlyArray<QueryItem> | undefined
}

/** Returns whether a line may have one of the types. `$type` comes first in canonical order. */
const beginsWith = (types: ReadonlyArray<string> | undefined): Compiled["mayMatch"] => {
  const heads = types?.map((type) => `{"$type":${JSON.stringify(type)},"data":`)
  return (text, start) => heads === undefined || heads.some((head) => text.startsWith(head, start))
}

/** Compiles a filter. Returns `undefined` if every event matches. */
export const compile = (filter: EventFilter | undefined): Compiled | undefined => {
  const { categories, types, tags, correlationId } = filter ?? {}
  if (categories === undefined && types === undefined && tags === undefined && correlationId === undefined) {
    return undefined
  }
  const wantedTypes = types === undefined ? undefined : new Set(types)
  const wantedCategories = categories === undefined ? undefined : new Set(categories)
  const item: QueryItem = { ...(types === undefined ? {} : { types }), ...(tags === undefined ? {} : { tags }) }
  return {
    items: types === undefined && tags === undefined ? undefined : [item],
    mayMatch: beginsWith(types),
    matches: (event) =>
      (wantedTypes === undefined || wantedTypes.has(event.type)) &&
      (wantedCategories === undefined || wantedCategories.has(category(event.stream))) &&
      (tags === undefined || tags.every((tag) => event.tags.includes(tag))) &&
      (correlationId === undefined || event.metadata["correlationId"] === correlationId)
  }
}

/** Compiles a query. Returns `undefined` if every event matches. */
export const compileQuery = (query: Query): Compiled | undefined => {
  if (query === "all") return undefined
  const types = query.every((item) => item.types !== undefined) ? query.flatMap((item) => item.types!) : undefined
  return { items: query, mayMatch: beginsWith(types), matches: (event) => matches(query, event) }
}
