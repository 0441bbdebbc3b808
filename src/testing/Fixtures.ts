/**
 * Fixtures: stored events of each version that a category ever had, in a file that your tests read for ever. A change
 * that makes one of them unreadable fails in CI, rather than in production.
 *
 * The file has a line for each event, as a tape has it, so you can add lines of a tape with a text editor. A line is never
 * changed once a program has stored such events.
 *
 * @example
 * ```ts
 * test("every event that was ever stored is read", () => Effect.runPromise(Fixtures.check(Account, "fixtures/account.jsonl")))
 * ```
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { RecordedOf, StoredType } from "../services/Category.ts"
import { type AllReadError, EventStore, type RecordedEvent } from "../services/EventStore.ts"
import { existsSync } from "node:fs"
import { FixturesFailure } from "./FixturesFailure.ts"
import { addFixtures, type Fixture, givenFixtures, readFixtures } from "./internal/category/fixtureFiles.ts"
import { type AnyCategory, placed, Samples } from "./internal/category/samples.ts"

export { FixturesFailure }

/** A file, a folder whose files `*.jsonl` are read, or events. Those of other categories are left out. */
export type Source = string | ReadonlyArray<RecordedEvent>

/**
 * Decodes every event of `source` that belongs to the category, and returns them as the program sees them, so that a test can
 * compare them with a snapshot. Fails with `FixturesFailure` if one cannot be decoded, and if a type lacks an event of one of
 * its versions, or of one of its former names. It lists all of them.
 */
export const check = <C extends AnyCategory>(
  category: C,
  source: Source
): Effect.Effect<ReadonlyArray<RecordedOf<C>>, FixturesFailure> =>
  Effect.gen(function* () {
    const fixtures = read(category, source)
    const events: Array<unknown> = []
    const unreadable: Array<string> = []
    for (const { event, place, why } of fixtures) {
      if (event === undefined) {
        unreadable.push(`${place}: ${why}`)
        continue
      }
      const decoded = yield* Effect.result(category.decode(event))
      if (Result.isSuccess(decoded)) events.push(decoded.success)
      else unreadable.push(`${place}: ${decoded.failure.message}`)
    }
    const missing = missingOf(category, fixtures).map(({ name, version }) => ({ name, version }))
    if (unreadable.length > 0 || missing.length > 0) {
      return yield* new FixturesFailure({ category: category.name, unreadable, missing })
    }
    return events as unknown as ReadonlyArray<RecordedOf<C>>
  })

/** How fixtures are added. */
export interface ExtendOptions {
  /**
   * Stored events to choose from, such as those that `collect` returns. Default: events that are generated from the
   * schemas, as you need them before a version is released.
   */
  readonly from?: ReadonlyArray<RecordedEvent>
  /** Number of events to add for each version that lacks one. Default: 3. */
  readonly perVersion?: number
}

/**
 * Adds events to a file for each version and each former name that it lacks, and creates the file if it is missing.
 * Never changes or removes a line. Returns the events that it added; none if the file has all versions and names
 * already. Fails with `FixturesFailure` if a line of the file is not an event. Throws if no event can be generated from
 * a schema.
 *
 * Call it when you declare a version, and commit the file: then the events are exactly as this program stores them.
 */
export const extend = (
  category: AnyCategory,
  file: string,
  options: ExtendOptions = {}
): Effect.Effect<ReadonlyArray<RecordedEvent>, FixturesFailure> =>
  Effect.suspend(() => {
    const { from, perVersion = 3 } = options
    const fixtures = readIfThere(category, file)
    const unreadable = fixtures.flatMap(({ place, why }) => (why === undefined ? [] : [`${place}: ${why}`]))
    if (unreadable.length > 0) {
      return Effect.fail(new FixturesFailure({ category: category.name, unreadable, missing: [] }))
    }
    const samples = new Samples(category)
    const added = missingOf(category, fixtures).flatMap((stored) =>
      from === undefined ? generated(category, samples, stored, perVersion) : chosen(from, stored, perVersion)
    )
    addFixtures(file, added)
    return Effect.succeed(added)
  })

/**
 * Returns up to `perVersion` stored events of each name and version that the category has in the lib, the first ones,
 * for `extend`. Reads the whole category. Events of a lib in production may contain personal data: check them before
 * you commit them.
 */
export const collect = (
  category: AnyCategory,
  perVersion = 3
): Effect.Effect<ReadonlyArray<RecordedEvent>, AllReadError, EventStore> =>
  Effect.flatMap(EventStore, (store) => {
    const counts = new Map<string, number>()
    const isWanted = (event: RecordedEvent): boolean => {
      const count = counts.get(keyOf(event)) ?? 0
      counts.set(keyOf(event), count + 1)
      return count < perVersion
    }
    return Stream.runCollect(Stream.filter(store.readAll({ filter: { categories: [category.name] } }), isWanted))
  }) as Effect.Effect<ReadonlyArray<RecordedEvent>, AllReadError, EventStore>

const read = ({ name }: AnyCategory, source: Source): ReadonlyArray<Fixture> =>
  typeof source === "string" ? readFixtures(source, name) : givenFixtures(source, name)

const readIfThere = ({ name }: AnyCategory, file: string): ReadonlyArray<Fixture> =>
  existsSync(file) ? readFixtures(file, name) : []

const nameAndVersion = (name: string, version: number): string => `${version} ${name}`

const keyOf = ({ metadata, type }: RecordedEvent): string => {
  const { schemaVersion: version = 1 } = metadata
  return nameAndVersion(type, typeof version === "number" ? version : 0)
}

/**
 * Returns the names and versions that have no event. A version may be stored under its type's name or a former one, and
 * each name must have an event of some version.
 */
const missingOf = (category: AnyCategory, fixtures: ReadonlyArray<Fixture>): ReadonlyArray<StoredType> => {
  const types = category.storedTypes()
  const there = new Set(fixtures.flatMap(({ event }) => (event === undefined ? [] : [keyOf(event)])))
  const isThere = ({ name, version }: StoredType) => there.has(nameAndVersion(name, version))
  const ofVersion = ({ version, versionsOf }: StoredType) =>
    types.some((other) => other.versionsOf === versionsOf && other.version === version && isThere(other))
  const ofName = ({ name }: StoredType) => types.some((other) => other.name === name && isThere(other))
  return types.filter((one) => (one.name === one.versionsOf ? !ofVersion(one) : one.version === 1 && !ofName(one)))
}

const generated = (
  category: AnyCategory,
  samples: Samples,
  stored: StoredType,
  count: number
): ReadonlyArray<RecordedEvent> =>
  Array.from({ length: count }, (_, at) => {
    const id = `${stored.name}-${stored.version}-${at}`
    return placed(category.name, samples.storedEvent(stored, { seed: id, size: at * 2 }), at, id)
  })

/** A former name may have been stored in any version. */
const chosen = (from: ReadonlyArray<RecordedEvent>, { name, version, versionsOf }: StoredType, count: number) =>
  from
    .filter((event) => (name === versionsOf ? keyOf(event) === nameAndVersion(name, version) : event.type === name))
    .slice(0, count)
