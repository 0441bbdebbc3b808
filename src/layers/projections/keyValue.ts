/**
 * Projections in a `KeyValueStore`: a value for each key, stored with the position of the last event that changed it. An
 * event that is handled again after a crash is recognised by that position.
 */
import * as Effect from "effect/Effect"
import { KeyValueStore, type KeyValueStoreError } from "effect/persistence/KeyValueStore"
import type * as Scope from "effect/Scope"
import { aCallback, type Checks, refuseWrongOptions, unless } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { parseJson } from "../../domain/json/strictDecode.ts"
import { category as categoryOf } from "../../domain/format/Placement.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type * as Category from "../../services/Category.ts"
import { handlersByType } from "../../domain/format/handlersByType.ts"
import * as Consumer from "../../services/Consumer.ts"
import { Operation } from "../../services/consumers/spans.ts"
import type { EventStore } from "../../services/EventStore.ts"
import { CheckpointStore, type ClaimedEntries, type ConsumerClaimed } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { makeKeyValue as checkpointsIn } from "../checkpoints/keyValue.ts"
import { storageError } from "../storage/storageErrors.ts"
import { consumerOf, preparing } from "./run.ts"

/** Returns the value of a key after an event; `undefined` removes it. `"ignore"` for a type that changes nothing. */
export type KeyValueFold<Value, Event> = "ignore" | ((value: Value | undefined, event: Event) => Value | undefined)

/** A fold for each type of a category, the retired ones included. */
export type KeyValueFolds<Value, S extends Category.Schemas, R extends Category.Schemas, M> = {
  readonly [Type in (keyof S | keyof R) & string]: KeyValueFold<
    Value,
    Category.Recorded<S, M, Type & keyof S> | Category.Recorded<R, M, Type & keyof R>
  >
}

/** The folds of a category. */
export interface KeyValuePart<Value> {
  /** Name of the category. */
  readonly category: string
  /** Handles an event: `change` gets its key and the change of the value. */
  readonly handle: <E>(
    event: RecordedEvent,
    change: (key: string, fold: (value: Value | undefined) => Value | undefined) => Effect.Effect<void, E>
  ) => Effect.Effect<void, unknown>
}

/** Returns the folds of a category. `key` names the value that an event changes. */
export type KeyValueOn<Value> = <S extends Category.Schemas, R extends Category.Schemas, M>(
  category: Category.Category<S, R, M>,
  key: (event: Category.Recorded<S, M> | Category.Recorded<R, M>) => string,
  folds: KeyValueFolds<Value, S, R, M>
) => KeyValuePart<Value>

/** Options of a projection in a `KeyValueStore`. `Value` must have a JSON form. */
export interface KeyValueOptions<Name extends string, Value> {
  /** Names the projection: 1 to 48 lower-case letters, digits, `-` and `_`, beginning with a letter or digit. */
  readonly name: Name
  /** Increase it when the folds change: the new version has keys of its own, and handles all events. Default: 1. */
  readonly version?: number
  /** Returns the folds of each category, made by `on`. Events of other categories are filtered. */
  readonly events: (on: KeyValueOn<Value>) => ReadonlyArray<KeyValuePart<Value>>
}

/** A projection in a `KeyValueStore` that runs. */
export interface KeyValueRunning<Name extends string, Value> extends Consumer.Running<Name> {
  /**
   * Returns the present value of a key; `undefined` if it has no value. Call `whenProcessed` first to wait for an
   * event.
   */
  readonly get: (key: string) => Effect.Effect<Value | undefined, KeyValueStoreError>
}

/** A projection with its defaults. */
export interface KeyValueDefinition<Name extends string, Value> {
  readonly name: Name
  readonly version: number
  readonly parts: ReadonlyArray<KeyValuePart<Value>>
}

const isVersion = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) < 1e9

const checks = {
  name: unless(
    (value) => typeof value === "string" && /^[a-z0-9][a-z0-9_-]{0,47}$/.test(value),
    'a name of 1 to 48 lower-case letters, digits, "-" and "_"'
  ),
  version: unless(isVersion, "a whole number from 1 to 999999999"),
  events: aCallback
} satisfies Checks<KeyValueOptions<string, never>>

const onCategory = <Value>(
  category: {
    readonly name: string
    readonly schemas: object
    readonly retired: object
    readonly decode: (event: RecordedEvent) => Effect.Effect<{ readonly type: string }, unknown>
  },
  key: (event: never) => string,
  folds: object
): KeyValuePart<Value> => {
  const given = handlersByType<(value: Value | undefined, event: object) => Value | undefined>(
    "Projection.makeKeyValue",
    category,
    folds
  )
  return {
    category: category.name,
    handle: (event, change) =>
      Effect.flatMap(category.decode(event), (decoded): Effect.Effect<void, unknown> => {
        const fold = given.get(decoded.type)
        return fold === undefined ? Effect.void : change(key(decoded as never), (value) => fold(value, decoded))
      })
  }
}

/** Throws `InvalidArgument` for what is not a projection. */
export const keyValueDefinition = <Name extends string, Value>(
  options: KeyValueOptions<Name, Value>
): KeyValueDefinition<Name, Value> => {
  const call = "Projection.makeKeyValue"
  refuseWrongOptions(call, options, checks)
  for (const name of ["name", "events"] as const) {
    if (options[name] === undefined) {
      throw new InvalidArgument({ call, argument: `options.${name}`, why: "is missing" })
    }
  }
  const on: KeyValueOn<Value> = (category, key, folds) => onCategory(category, key, folds)
  return { name: options.name, version: options.version ?? 1, parts: options.events(on) }
}

const prefixOf = (name: string, version: number): string => `litetapes-projection/${name}/${version}/`

interface Stored<Value> {
  /** Position of the last event that changed the value. */
  readonly position: number
  /** Left out if the value was removed: the position must stay, or a repeated event would bring it back. */
  readonly value?: Value
}

export const runKeyValue = <Name extends string, Value>({
  name,
  parts,
  version
}: KeyValueDefinition<Name, Value>): Effect.Effect<
  KeyValueRunning<Name, Value>,
  Consumer.OpenConsumerError,
  EventStore | KeyValueStore | Scope.Scope
> =>
  Effect.gen(function* () {
    const store = yield* KeyValueStore
    const prefix = prefixOf(name, version)
    const read = (key: string): Effect.Effect<Stored<Value> | undefined, KeyValueStoreError> =>
      Effect.map(store.get(`${prefix}${key}`), (text) =>
        text === undefined ? undefined : (parseJson(text) as Stored<Value>)
      )
    const byCategory = new Map(parts.map((part) => [part.category, part]))
    const handler = (event: RecordedEvent): Effect.Effect<void, unknown> =>
      byCategory.get(categoryOf(event.stream))?.handle(event, (key, fold) =>
        Effect.flatMap(read(key), (stored) => {
          if (stored !== undefined && stored.position >= event.position) return Effect.void
          const changed: Stored<Value> = { position: event.position, value: fold(stored?.value)! }
          return store.set(`${prefix}${key}`, JSON.stringify(changed))
        })
      ) ?? Effect.void
    const filter = { categories: parts.map(({ category }) => category) }
    const consumer = Consumer.make({ name: consumerOf(name, version), version, filter, handler })
    const checkpoints = preparing(checkpointsIn(store, checkpointPrefix), (entries) =>
      Effect.gen(function* () {
        if ((yield* entries.get(droppingKey)) !== undefined) yield* dropAll(store, entries, prefix)
      }).pipe(
        Effect.catchTag("KeyValueStoreError", ({ message, method }) =>
          Effect.fail(storageError(method, prefix, "failed", message))
        )
      )
    )
    const running = yield* Consumer.run(consumer).pipe(
      Effect.provideService(CheckpointStore, checkpoints),
      Effect.provideService(Operation, "project")
    )
    return { ...running, name, get: (key) => Effect.map(read(key), (stored) => stored?.value) }
  })

export const checkpointPrefix = "litetapes-projection/checkpoints/"

/** Set while a version is dropped. */
const droppingKey = "dropping"

/** Removes all values of a version, and its checkpoint. */
export const dropKeyValue = ({
  name,
  version
}: KeyValueDefinition<string, never>): Effect.Effect<
  void,
  ConsumerClaimed | StorageError | KeyValueStoreError,
  KeyValueStore
> =>
  Effect.gen(function* () {
    const store = yield* KeyValueStore
    const entries = yield* checkpointsIn(store, checkpointPrefix).claim(consumerOf(name, version), "refuse")
    yield* dropAll(store, entries, prefixOf(name, version))
  }).pipe(Effect.scoped)

/**
 * First records that everything is to be deleted, and deletes this record last: if a crash interrupts it, the next run
 * completes it. Without the record, no order would be safe. If a crash left the checkpoint, the deleted values would be
 * missing. If it left values, they would hide the events of another history.
 */
const dropAll = (
  store: KeyValueStore,
  entries: ClaimedEntries,
  prefix: string
): Effect.Effect<void, StorageError | KeyValueStoreError> =>
  Effect.gen(function* () {
    yield* entries.set(droppingKey, "yes")
    for (const key of (yield* store.keys).filter((one) => one.startsWith(prefix))) yield* store.remove(key)
    for (const key of yield* entries.keys) if (key !== droppingKey) yield* entries.remove(key)
    yield* entries.remove(droppingKey)
  })
