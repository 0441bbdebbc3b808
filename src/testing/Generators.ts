/**
 * Generators for property tests: records and what is refused as a record, events, names, batches, whole histories. They
 * use the fast-check that you pass in: litetapes does not depend on it, and any version 4 works.
 *
 * @example
 * ```ts
 * import * as fc from "fast-check"
 * import { Generators } from "litetapes/testing"
 *
 * const { record } = Generators.make(fc)
 * fc.assert(
 *   fc.property(record, (given) => TaraSON.equals(TaraSON.parse(TaraSON.toBytes(TaraSON.encode(given))), given))
 * )
 * ```
 */
import type * as fc from "fast-check"
import type { JsonObject } from "../domain/json/TaraSON.ts"
import { type Events, eventsOf } from "./internal/generators/events.ts"
import { batchOf, operationOf, repackOptionsOf } from "./internal/generators/histories.ts"
import { type Names, namesOf } from "./internal/generators/names.ts"
import { refusedLineOf, refusedRecordOf } from "./internal/generators/refused.ts"
import { type Queries, queriesOf } from "./internal/generators/queries.ts"
import type {
  FastCheck,
  HistoryOptions,
  QueryParts,
  RefusedEvent,
  RefusedLine,
  RefusedQuery,
  RefusedRecord
} from "./internal/generators/types.ts"
import { linesOf, shuffled, type Texts, textsOf, type Values, valuesOf } from "./internal/generators/values.ts"
import type { Operation } from "./internal/history/operation.ts"

export { shuffled }

export type { FastCheck, HistoryOptions, QueryParts, RefusedEvent, RefusedLine, RefusedQuery, RefusedRecord }

/** Generators for the limits of a lib that was created with the defaults: 1 MiB for a record, 128 containers deep. */
export interface Generators {
  /** Any string that a record may hold: escapes, U+2028, surrogate pairs, and strings that look like something else. */
  readonly text: Texts["text"]
  /** A string that no record may hold, as a key or as a value: with a lone surrogate or a noncharacter. */
  readonly illFormedText: Texts["illFormedText"]
  /** Any key that a record may have: indices, names of prototype members, long keys. */
  readonly key: Texts["key"]
  /** Any finite number, including −0 and the numbers at which the form of the text changes. */
  readonly number: Values["number"]
  /** Any lite JSON value, sometimes a hundred containers deep. */
  readonly json: Values["json"]
  /** Any user record. */
  readonly record: Values["record"]
  /** A record of exactly 128 containers, nested in each other: with one more it would be too deep. */
  readonly deepestRecord: Values["deepestRecord"]
  /** A value that `TaraSON.encode` refuses, with the reason. */
  readonly refusedRecord: fc.Arbitrary<RefusedRecord>
  /** A line that `TaraSON.parseCanonical` refuses, with the reason. */
  readonly refusedLine: fc.Arbitrary<RefusedLine>
  /** Canonical lines, without newlines, many of which repeat others. */
  readonly lines: fc.Arbitrary<ReadonlyArray<Uint8Array>>
  /** Any event that can be stored, with or without data, id, metadata and tags. */
  readonly event: Events["event"]
  /** An event that cannot be stored, with the tag of its error. */
  readonly refusedEvent: Events["refusedEvent"]
  /** A tag of an event: 1 to 256 bytes. */
  readonly tag: Queries["tag"]
  /** Tags that no event may have together: one is empty, too long, or there twice. */
  readonly refusedTags: Queries["refusedTags"]
  /** Returns a generator of queries over a few types and tags, so that events of a test often match. */
  readonly query: Queries["query"]
  /** A value that is refused as a query or in a condition, and where. */
  readonly refusedQuery: Queries["refusedQuery"]
  /** A text that is difficult as a name; `Names.encodeTapeName` returns a tape's name for each. */
  readonly nameText: Names["nameText"]
  /** The name of a tape. */
  readonly tapeName: Names["tapeName"]
  /** A text that `Names.checkTapeName` refuses. */
  readonly refusedTapeName: Names["refusedTapeName"]
  /** The name of a stream. */
  readonly streamName: Names["streamName"]
  /** A text that cannot name a stream. */
  readonly refusedStreamName: Names["refusedStreamName"]
  /** One to six records for one append: some repeat, some are long, some are arbitrary. */
  readonly batch: fc.Arbitrary<ReadonlyArray<JsonObject>>
  /** Options of a repack. */
  readonly repackOptions: ReturnType<typeof repackOptionsOf>
  /** Returns a generator of single operations on a lib. */
  readonly operation: (options?: HistoryOptions) => fc.Arbitrary<Operation>
  /** Returns a generator of operations on a lib, one after the other, for `History.run`. */
  readonly history: (options?: HistoryOptions) => fc.Arbitrary<ReadonlyArray<Operation>>
}

/** Makes the generators, with the fast-check that is given. */
export const make = (fc: FastCheck): Generators => {
  const texts = textsOf(fc)
  const values = valuesOf(fc, texts)
  const refusedRecord = refusedRecordOf(fc, texts, values)
  const queries = queriesOf(fc, texts)
  const events = eventsOf(fc, texts, values, refusedRecord, queries)
  const batch = batchOf(fc, values)
  const operation = (options: HistoryOptions = {}) => operationOf(fc, values, events.event, queries, batch, options)
  return {
    ...texts,
    ...values,
    ...events,
    ...queries,
    ...namesOf(fc, texts),
    refusedRecord,
    refusedLine: refusedLineOf(fc, texts, values),
    lines: linesOf(fc, texts),
    batch,
    repackOptions: repackOptionsOf(fc),
    operation,
    history: (options = {}) =>
      fc.array(operation(options), { minLength: 1, maxLength: options.operationsMax ?? 30, size: "max" })
  }
}
