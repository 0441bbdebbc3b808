/** Tags, queries, and what cannot be one. */
import type * as fc from "fast-check"
import type { Query, QueryItem } from "../../../services/EventStore.ts"
import type { FastCheck, QueryParts, RefusedQuery } from "./types.ts"
import type { Texts } from "./values.ts"

const tagBytesMax = 256

export interface Queries {
  readonly tag: fc.Arbitrary<string>
  readonly refusedTags: fc.Arbitrary<ReadonlyArray<string>>
  readonly query: (parts?: QueryParts) => fc.Arbitrary<Query>
  readonly refusedQuery: fc.Arbitrary<RefusedQuery>
}

export const queriesOf = (fc: FastCheck, { illFormedText, text }: Texts): Queries => {
  const tag = fc.oneof(
    text.filter((value) => value !== "" && Buffer.byteLength(value) <= tagBytesMax),
    fc.constantFrom("web", "course:17", "x".repeat(tagBytesMax), "é".repeat(tagBytesMax / 2))
  )
  const tags = fc.uniqueArray(tag, { minLength: 1, maxLength: 3 })
  const wrongTags = [
    tags.map((all) => [...all, ""]),
    tags.map((all) => [...all, all[0]!]),
    tags.map((all) => [...all, "x".repeat(tagBytesMax + 1)]),
    tags.map((all) => [...all, "é".repeat(tagBytesMax / 2 + 1)])
  ]
  const query = ({ tags: among = ["a", "b", "c"], types = ["Opened", "Changed", "Closed"] }: QueryParts = {}) => {
    const some = (values: ReadonlyArray<string>) =>
      fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })
    const item: fc.Arbitrary<QueryItem> = fc.oneof(
      fc.record({ types: some(types) }),
      fc.record({ tags: some(among) }),
      fc.record({ types: some(types), tags: some(among) })
    )
    return fc.oneof(
      { weight: 1, arbitrary: fc.constant<Query>("all") },
      { weight: 6, arbitrary: fc.array(item, { minLength: 1, maxLength: 3 }) }
    )
  }
  const refused = (at: string, wrong: fc.Arbitrary<unknown>): fc.Arbitrary<RefusedQuery> =>
    wrong.map((one) => ({ query: one, at }))
  const inItem = (at: string, fields: fc.Arbitrary<object>) => refused(`[1]${at}`, fields.map(second))
  return {
    tag,
    refusedTags: fc.oneof(...wrongTags),
    query,
    refusedQuery: fc.oneof(
      refused("", fc.constantFrom<unknown>([], {}, null, undefined, "", "everything", 0)),
      inItem("", fc.constantFrom({}, { types: undefined })),
      inItem(".tags", fc.constantFrom<object>({ tags: [] }, { tags: "a" }, { tags: [1] })),
      inItem(".types", fc.constantFrom<object>({ types: [] }, { types: "A" }, { types: [null] })),
      inItem(
        ".types[0]",
        fc
          .oneof(fc.constantFrom("", "LiteTape.Meta", "x".repeat(257)), illFormedText)
          .map((type) => ({ types: [type] }))
      ),
      inItem(
        ".tags[1]",
        fc.oneof(fc.constantFrom("", "a", "x".repeat(257)), illFormedText).map((wrong) => ({ tags: ["a", wrong] }))
      )
    )
  }
}

const second = (item: object): ReadonlyArray<object> => [{ tags: ["a"] }, item]
