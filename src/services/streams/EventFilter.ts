/** Which events a reader wants. What can be told from the beginning of a line is told before it is parsed. */
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { category } from "../../domain/format/Placement.ts"

/** Every field that is given must match; within a field any value does, but of tags all must be there. */
export interface EventFilter {
  readonly categories?: ReadonlyArray<string>
  readonly types?: ReadonlyArray<string>
  /** All of these tags. */
  readonly tags?: ReadonlyArray<string>
  readonly correlationId?: string
}

export interface Compiled {
  /** Whether the line that begins at `start` may be wanted. */
  readonly mayMatch: (text: string, start: number) => boolean
  readonly matches: (event: RecordedEvent) => boolean
}

/** `undefined`: everything is wanted. */
export const compile = (filter: EventFilter | undefined): Compiled | undefined => {
  const { categories, types, tags, correlationId } = filter ?? {}
  if (categories === undefined && types === undefined && tags === undefined && correlationId === undefined) {
    return undefined
  }
  // `$type` comes first in canonical order.
  const heads = types?.map((type) => `{"$type":${JSON.stringify(type)},"data":`)
  const wantedTypes = types === undefined ? undefined : new Set(types)
  const wantedCategories = categories === undefined ? undefined : new Set(categories)
  return {
    mayMatch: (text, start) => heads === undefined || heads.some((head) => text.startsWith(head, start)),
    matches: (event) =>
      (wantedTypes === undefined || wantedTypes.has(event.type)) &&
      (wantedCategories === undefined || wantedCategories.has(category(event.stream))) &&
      (tags === undefined || tags.every((tag) => event.tags.includes(tag))) &&
      (correlationId === undefined || event.metadata["correlationId"] === correlationId)
  }
}
