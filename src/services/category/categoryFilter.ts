/** The filter of a category, for calls of the event store and for consumers. */
import { type Checks, refuseWrongOptions, unless } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { type EventFilter, filterChecks, type TypeFilter } from "../streams/EventFilter.ts"
import { whyNotTypes } from "./checkCategoryCall.ts"
import type { EventTypes, Schemas } from "./EventTypes.ts"

const call = "Category.filter"

const checks = {
  ...filterChecks,
  categories: unless((value) => value === undefined, "left out: it is the category itself")
} satisfies Checks<TypeFilter>

/**
 * Returns the filter with the name of the category, and all names under which events of its types may be stored.
 *
 * @throws InvalidArgument
 */
export const categoryFilter = (
  category: string,
  types: EventTypes,
  schemas: Schemas,
  filter: TypeFilter
): EventFilter => {
  refuseWrongOptions(call, filter, checks, "filter")
  const { categories: _, ...given } = filter
  const why = whyNotTypes(given.types, category, schemas)
  if (why !== undefined) throw new InvalidArgument({ call, argument: "filter.types", why })
  return { ...types.storedFilter({ filter: given }).filter, categories: [category] }
}
