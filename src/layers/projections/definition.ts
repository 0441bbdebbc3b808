/** The options of a projection, and how they are checked. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { category as categoryOf } from "../../domain/format/Placement.ts"
import {
  aCallback,
  type Check,
  type Checks,
  isCount,
  oneOf,
  refuseWrongOptions,
  shown,
  unless
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type * as Category from "../../services/Category.ts"
import { anEffect } from "../../services/base/anEffect.ts"
import { handlersByType } from "../../domain/format/handlersByType.ts"
import type { SqlOptions } from "../checkpoints/sql.ts"

/** What `init`, `drop` and the handlers of a projection get. */
export interface Tools {
  /** The client of the database. A handler's statements are in the transaction of the checkpoint. */
  readonly sql: SqlClient
  /** Version of the projection. */
  readonly version: number
  /** Returns the name of a table with the version in it, `balance_v2`, so that two versions have tables of their own. */
  readonly table: (name: string) => string
}

/** A handler of events of one type; `"ignore"` for a type that changes nothing. */
export type Handler<Event> = "ignore" | ((event: Event, tools: Tools) => Effect.Effect<unknown, unknown>)

/** A handler for each type of a category, the retired ones included. */
export type Handlers<S extends Category.Schemas, R extends Category.Schemas, M> = {
  readonly [Type in (keyof S | keyof R) & string]: Handler<
    Category.Recorded<S, M, Type & keyof S> | Category.Recorded<R, M, Type & keyof R>
  >
}

/** The handlers of a category. Made by `on`. */
export interface Part {
  /** Name of the category. */
  readonly category: string
  /** Handles an event of the category. */
  readonly handle: (event: RecordedEvent, tools: Tools) => Effect.Effect<unknown, unknown>
}

/** Options of a projection. */
export interface Options<Name extends string> {
  /** Names the projection: 1 to 48 lower-case letters, digits, `-` and `_`, beginning with a letter or digit. */
  readonly name: Name
  /**
   * Increase it when the handlers or the tables change: the new version has tables of its own and handles all events,
   * while the old one can still be read. Default: 1.
   */
  readonly version?: number
  /** Creates the tables. Runs once for each version, in a transaction. */
  readonly init: (tools: Tools) => Effect.Effect<unknown, unknown>
  /** Drops the tables that `init` has created, in a transaction. */
  readonly drop: (tools: Tools) => Effect.Effect<unknown, unknown>
  /** Handlers by category. Made by `on`. Events of other categories are filtered. */
  readonly events: ReadonlyArray<Part>
}

/** How a projection runs. */
export interface RunOptions {
  /** Maximum number of events in one transaction. Default: 500. */
  readonly transactionEvents?: number
  /**
   * When this version becomes the current one: `when-caught-up` (the default), or `by-hand`, when you call
   * `makeCurrent`.
   */
  readonly switch?: "when-caught-up" | "by-hand"
  /** Whether to wait if this version runs already. Default: `refuse`, with `ConsumerClaimed`. */
  readonly onClaimed?: "refuse" | "wait"
  /** Time after a crash in which another run may begin. Default: 10 seconds. */
  readonly lease?: NonNullable<SqlOptions["lease"]>
}

const isName = (value: unknown): boolean => typeof value === "string" && /^[a-z0-9][a-z0-9_-]{0,47}$/.test(value)

const versionMax = 999_999_999

const isVersion = (value: unknown): boolean => isCount(value) && value >= 1 && value <= versionMax

const isPart = (value: unknown): value is Part =>
  typeof value === "object" && value !== null && "category" in value && "handle" in value

const someParts: Check = unless(
  (value) => Array.isArray(value) && value.length > 0 && value.every(isPart),
  "an array of what Projection.on returns, with at least one"
)

const checks = {
  name: unless(isName, 'a name of 1 to 48 lower-case letters, digits, "-" and "_"'),
  version: unless(isVersion, `a whole number from 1 to ${versionMax}`),
  init: aCallback,
  drop: aCallback,
  events: someParts
} satisfies Checks<Options<string>>

export const runChecks = {
  transactionEvents: unless(
    (value) => isCount(value) && value >= 1 && value <= 100_000,
    "a whole number from 1 to 100000"
  ),
  switch: oneOf("when-caught-up", "by-hand"),
  onClaimed: oneOf("refuse", "wait"),
  // The checkpoint store says what is wrong with it.
  lease: () => undefined
} satisfies Checks<RunOptions>

const required = ["name", "init", "drop", "events"] as const

const wrong = (call: string, argument: string, why: string): InvalidArgument =>
  new InvalidArgument({ call, argument, why })

/** Throws `InvalidArgument` for what is not a projection. */
export const checkProjection = (options: Options<string>): void => {
  refuseWrongOptions("Projection.make", options, checks)
  for (const name of required) {
    if (options[name] === undefined) throw wrong("Projection.make", `options.${name}`, "is missing")
  }
  const seen = new Set<string>()
  for (const { category } of options.events) {
    if (seen.has(category)) throw wrong("Projection.make", "options.events", `has category ${shown(category)} twice`)
    seen.add(category)
  }
}

/** Returns the handlers of a category. Throws `InvalidArgument` if a type has no handler, or a handler no type. */
export const partOf = <S extends Category.Schemas, R extends Category.Schemas, M>(
  category: Category.Category<S, R, M>,
  handlers: Handlers<S, R, M>
): Part => {
  const given = handlersByType<Exclude<Handler<never>, "ignore">>("Projection.on", category, handlers)
  return {
    category: category.name,
    handle: (event, tools) =>
      Effect.flatMap(category.decode(event), (decoded) => {
        const handler = given.get(decoded.type)
        return handler === undefined ? Effect.void : anEffect("Projection.on", handler(decoded as never, tools))
      })
  }
}

/** Returns the handler of all events of a projection. */
export const handlerOf = (events: ReadonlyArray<Part>, tools: Tools) => {
  const parts = new Map(events.map((part) => [part.category, part]))
  return (event: RecordedEvent): Effect.Effect<unknown, unknown> =>
    parts.get(categoryOf(event.stream))?.handle(event, tools) ?? Effect.void
}
