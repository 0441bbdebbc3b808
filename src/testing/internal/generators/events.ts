/** Domain events, and events that cannot be stored. */
import type * as fc from "fast-check"
import type { JsonObject } from "../../../domain/json/TaraSON.ts"
import type { NewEvent } from "../../../services/EventStore.ts"
import type { Queries } from "./queries.ts"
import type { FastCheck, RefusedEvent } from "./types.ts"
import type { Texts, Values } from "./values.ts"

export interface Events {
  readonly event: fc.Arbitrary<NewEvent>
  readonly refusedEvent: fc.Arbitrary<RefusedEvent>
}

const wordBytesMax = 256

export const eventsOf = (
  fc: FastCheck,
  { text, illFormedText, key }: Texts,
  { json }: Values,
  refusedRecord: fc.Arbitrary<{ readonly record: unknown; readonly reason: string }>,
  { refusedTags, tag }: Queries
): Events => {
  const word = text.filter((value) => value !== "" && Buffer.byteLength(value) <= wordBytesMax)
  const parts = {
    type: fc.oneof(
      word.filter((type) => !/^Lite(?:Tape|Lib)\./.test(type)),
      fc.constantFrom("OrderPlaced", "OrderPaid", "Lite", "LiteTape", "liteTape.Meta")
    ),
    data: json,
    id: word,
    metadata: fc.dictionary(key, json, { maxKeys: 3 }).map((members): JsonObject => members),
    tags: fc.uniqueArray(tag, { maxLength: 4 })
  }
  const event: fc.Arbitrary<NewEvent> = fc.record(parts, { requiredKeys: ["type"] })
  const spoil = (error: RefusedEvent["error"], wrong: fc.Arbitrary<object>): fc.Arbitrary<RefusedEvent> =>
    fc.tuple(event, wrong).map(([good, bad]) => ({ event: { ...good, ...bad } as NewEvent, error }))
  const notWords = fc.oneof(fc.constantFrom<unknown>("", 1, null, "é".repeat(129), "x".repeat(257)), illFormedText)
  // A value that is refused anywhere in a record is refused in its data too.
  const data = refusedRecord.filter(({ reason }) => !["NotARecord", "ReservedType", "RecordTooLarge"].includes(reason))
  return {
    event,
    refusedEvent: fc.oneof(
      spoil(
        "InvalidEvent",
        notWords.map((type) => ({ type }))
      ),
      spoil(
        "InvalidEvent",
        fc.constantFrom("LiteTape.Meta", "LiteLib.", "LiteTape.").map((type) => ({ type }))
      ),
      spoil(
        "InvalidEvent",
        notWords.map((id) => ({ id }))
      ),
      spoil("InvalidEvent", fc.constantFrom<object>({ metadata: [] }, { metadata: null }, { metadata: "a" })),
      spoil(
        "InvalidEvent",
        fc.oneof(
          fc.constantFrom<object>(
            { tags: [1] },
            { tags: "a" },
            { tags: Array.from({ length: 65 }, (_, n) => String(n)) }
          ),
          refusedTags.map((tags) => ({ tags }))
        )
      ),
      spoil(
        "TaraSONError",
        // A `$type` that is not a text matters only at the top of a record.
        data.filter(({ record }) => !Object.hasOwn(record as object, "$type")).map(({ record }) => ({ data: record }))
      )
    )
  }
}
