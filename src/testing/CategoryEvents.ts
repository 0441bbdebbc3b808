/**
 * Generators of the events of a category, from its schemas, for property tests: events to append, and events as they are
 * stored, also those that earlier programs stored in older versions, under former names, and with retired types. They use
 * the fast-check that you pass in, and shrink to values of smaller sizes.
 *
 * @example
 * ```ts
 * const { stored } = CategoryEvents.make(fc, Account)
 * // Every event that any program has stored is read by this one.
 * fc.assert(fc.property(stored, (event) => void Effect.runSync(Account.decode(event))))
 * ```
 */
import type * as fc from "fast-check"
import type { NewOf, StoredType } from "../services/Category.ts"
import type { RecordedEvent } from "../services/EventStore.ts"
import { type AnyCategory, placed, Samples, type Seed } from "./internal/category/samples.ts"
import type { FastCheck } from "./internal/generators/types.ts"

export type { AnyCategory }

/** Generators of the events of a category `C`. All of them throw if a schema gives no value that can be stored. */
export interface CategoryEvents<C> {
  /** Any event that can be appended, with metadata if the category has a schema for it. */
  readonly event: fc.Arbitrary<NewOf<C>>
  /** Returns a generator of the events of one type that can be appended. Throws if the category has no such type. */
  readonly eventOf: <Type extends NewOf<C>["type"]>(
    type: Type
  ) => fc.Arbitrary<Extract<NewOf<C>, { readonly type: Type }>>
  /** Any event as it may be stored: of every name and version in `Category.storedTypes`. */
  readonly stored: fc.Arbitrary<RecordedEvent>
  /** Returns a generator of stored events of one name and version. Throws if the category has no such. */
  readonly storedOf: (name: string, version: number) => fc.Arbitrary<RecordedEvent>
  /** One stream of stored events in mixed versions, from revision 0 on, of at most 20 events. */
  readonly history: fc.Arbitrary<ReadonlyArray<RecordedEvent>>
}

/** Makes the generators of a category, with the fast-check that is given. */
export const make = <C extends AnyCategory>(fc: FastCheck, category: C): CategoryEvents<C> => {
  const samples = new Samples(category)
  const types = category.storedTypes()
  const present = types.filter(({ isPresent }) => isPresent)
  const seeds: fc.Arbitrary<Seed> = fc.record({ seed: fc.noShrink(fc.integer()), size: fc.nat(20) })
  const oneOf = <A>(from: ReadonlyArray<StoredType>, make: (type: StoredType, seed: Seed) => A): fc.Arbitrary<A> => {
    if (from.length === 0) throw new Error(`the category ${category.name} has no such event type`)
    return fc.tuple(fc.constantFrom(...from), seeds).map(([type, seed]) => make(type, seed))
  }
  const newOf = (from: ReadonlyArray<StoredType>) => oneOf(from, (type, seed) => samples.newEvent(type, seed))
  const storedOf = (from: ReadonlyArray<StoredType>) =>
    oneOf(from, (type, seed) => placed(category.name, samples.storedEvent(type, seed), 0, "generated"))
  const stored = storedOf(types)
  return {
    // Throws if the category has only retired types.
    get event() {
      return newOf(present) as unknown as CategoryEvents<C>["event"]
    },
    eventOf: (type) => newOf(present.filter((one) => one.type === type)) as never,
    stored,
    storedOf: (name, version) => storedOf(types.filter((one) => one.name === name && one.version === version)),
    history: fc
      .array(stored, { maxLength: 20 })
      .map((events) => events.map((event, at) => placed(category.name, event, at, `generated-${at}`)))
  }
}
