/**
 * Generators for property tests: records and what is refused as one, events, names, batches, whole histories. For
 * fast-check, which is handed in: litetapes does not depend on it, and any version 4 will do.
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
import type {
  FastCheck,
  HistoryOptions,
  RefusedEvent,
  RefusedLine,
  RefusedRecord
} from "./internal/generators/types.ts"
import { linesOf, shuffled, type Texts, textsOf, type Values, valuesOf } from "./internal/generators/values.ts"
import type { Operation } from "./internal/history/operation.ts"

export { shuffled }

export type { FastCheck, HistoryOptions, RefusedEvent, RefusedLine, RefusedRecord }

/** All are for the limits of a lib that was made without others: 1 MiB a record, 128 containers deep. */
export interface Generators {
  /** Any string that a record may hold: escapes, U+2028, pairs of surrogates, and such as look like something else. */
  readonly text: Texts["text"]
  /** A string that no record may hold, as a key or as a value: a lone surrogate, a noncharacter. */
  readonly illFormedText: Texts["illFormedText"]
  /** Any key that a record may have: indices, names of prototypes, long ones. */
  readonly key: Texts["key"]
  /** Any finite number, −0 and the turning points of a number's text included. */
  readonly number: Values["number"]
  /** Any lite JSON value, now and then a hundred containers deep. */
  readonly json: Values["json"]
  /** Any user record. */
  readonly record: Values["record"]
  /** A record of exactly 128 containers, one in the other: one more is too deep. */
  readonly deepestRecord: Values["deepestRecord"]
  readonly refusedRecord: fc.Arbitrary<RefusedRecord>
  readonly refusedLine: fc.Arbitrary<RefusedLine>
  /** Canonical lines, without newlines, of which many repeat others. */
  readonly lines: fc.Arbitrary<ReadonlyArray<Uint8Array>>
  /** Any event that can be stored; with or without data, id, metadata and tags. */
  readonly event: Events["event"]
  readonly refusedEvent: Events["refusedEvent"]
  /** Texts that names trip over; `Names.encodeTapeName` makes a tape's name of each. */
  readonly nameText: Names["nameText"]
  readonly tapeName: Names["tapeName"]
  /** Refused by `Names.checkTapeName`. */
  readonly refusedTapeName: Names["refusedTapeName"]
  readonly streamName: Names["streamName"]
  readonly refusedStreamName: Names["refusedStreamName"]
  /** One to six records for one append: some repeat, some are long, some are any. */
  readonly batch: fc.Arbitrary<ReadonlyArray<JsonObject>>
  readonly repackOptions: ReturnType<typeof repackOptionsOf>
  /** One thing that is done to a lib. */
  readonly operation: (options?: HistoryOptions) => fc.Arbitrary<Operation>
  /** What is done to a lib, one after the other; for `History.run`. */
  readonly history: (options?: HistoryOptions) => fc.Arbitrary<ReadonlyArray<Operation>>
}

/** The generators, over the fast-check that is given. */
export const make = (fc: FastCheck): Generators => {
  const texts = textsOf(fc)
  const values = valuesOf(fc, texts)
  const refusedRecord = refusedRecordOf(fc, texts, values)
  const events = eventsOf(fc, texts, values, refusedRecord)
  const batch = batchOf(fc, values)
  const operation = (options: HistoryOptions = {}) => operationOf(fc, values, events.event, batch, options)
  return {
    ...texts,
    ...values,
    ...events,
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
