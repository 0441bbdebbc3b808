/**
 * Short histories of a lib, as data: operations on it, one after the other. `run` applies them to a real lib, over any
 * storage, and compares it with a model of plain arrays.
 *
 * @see `Generators.history` for arbitrary histories
 *
 * @example
 * ```ts
 * const history: ReadonlyArray<History.Operation> = [
 *   { op: "append", tape: "alpha", records: [{ a: 1 }] },
 *   { op: "kill" },
 *   { op: "repack", tape: "alpha", options: { compression: "zstd" } }
 * ]
 * const checked = History.run(storage, "place", history)
 * ```
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as EventStore from "../services/EventStore.ts"
import type * as Lib from "../services/Lib.ts"
import { restore } from "../services/Lib.ts"
import { Storage } from "../services/ports/Storage.ts"
import type { ConformanceFailure } from "./ConformanceFailure.ts"
import { failureOf } from "./internal/conformance/failureOf.ts"
import { Unmet } from "./internal/conformance/expect.ts"
import { stoppable } from "./internal/conformance/stoppable.ts"
import { compare } from "./internal/history/compare.ts"
import { Model } from "./internal/history/model.ts"
import type { Operation } from "./internal/history/operation.ts"
import { perform, show } from "./internal/history/perform.ts"

export type { Operation }

/** So small that dynamic segments roll and close all the time. */
const defaults: Lib.Options = { closeBytes: 2048, backlogMax: 2 }

/**
 * Applies `history` to a lib at `place`, which must never have been used before. Compares everything that can be read
 * with the model after each opening and at the end. Fails with what differs, and at which operation.
 */
export const run = (
  storage: Storage["Service"],
  place: string,
  history: ReadonlyArray<Operation>,
  options: Lib.Options = {}
): Effect.Effect<void, ConformanceFailure> => {
  const model = new Model()
  const progress = { at: "" }
  const opening = { ...defaults, ...options }
  const session = ({ operations, ends, first }: Session) =>
    Effect.gen(function* () {
      progress.at = `opening before operation ${first}`
      const { storage: writing, stop } = stoppable(storage)
      const store = yield* Effect.provideService(EventStore.open(place, opening), Storage, writing)
      if (store.lib.report.created !== (first === 0)) {
        throw new Unmet("whether opening created the lib", String(first === 0), String(store.lib.report.created))
      }
      yield* compare(store, model)
      for (const [index, operation] of operations.entries()) {
        progress.at = `operation ${first + index}: ${show(operation)}`
        const at = first + index
        if (operation.op === "reader") yield* look(storage, place, model)
        else if (operation.op === "backup") yield* backUp(storage, place, store, model, at)
        else yield* perform(store, model, operation)
      }
      progress.at += ", then comparing everything"
      yield* compare(store, model)
      progress.at = `${ends} after operation ${first + operations.length - 1}`
      if (ends === "kill") stop()
    })
  return Effect.forEach(sessionsOf(history), (one) => Effect.scoped(session(one)), { discard: true }).pipe(
    Effect.catchCause((cause) => failureOf({ name: progress.at, promise: "a lib holds what was done to it" }, cause)),
    // A writer that is stopped on purpose logs that when it is closed.
    Effect.provide(Logger.layer([]))
  )
}

interface Session {
  readonly operations: ReadonlyArray<Exclude<Operation, { readonly op: "reopen" | "kill" }>>
  readonly ends: "close" | "kill"
  /** Number of the first operation in the history. */
  readonly first: number
}

/** Cuts the history where the lib is opened again. The last session only compares what is there. */
const sessionsOf = (history: ReadonlyArray<Operation>): ReadonlyArray<Session> => {
  const sessions: Array<Session> = []
  let operations: Array<Session["operations"][number]> = []
  let first = 0
  for (const [index, operation] of [...history, { op: "reopen" } as const].entries()) {
    if (operation.op !== "reopen" && operation.op !== "kill") {
      operations.push(operation)
      continue
    }
    sessions.push({ operations, ends: operation.op === "kill" ? "kill" : "close", first })
    operations = []
    first = index + 1
  }
  return [...sessions, { operations, ends: "close", first }]
}

const backUp = Effect.fnUntraced(function* (
  storage: Storage["Service"],
  place: string,
  { lib }: EventStore.EventStore["Service"],
  model: Model,
  at: number
) {
  const backup = `${place}-backup`
  yield* lib.backup(backup)
  // The second one finds everything there.
  yield* lib.backup(backup)
  yield* look(storage, backup, model)
  const restored = `${place}-restored-${at}`
  yield* Effect.provideService(restore(backup, restored), Storage, storage)
  yield* look(storage, restored, model)
})

const look = (storage: Storage["Service"], place: string, model: Model): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.scoped(
    Effect.flatMap(EventStore.open(place, { mode: "read" }), (store) => compare(store, model)).pipe(
      Effect.provideService(Storage, storage)
    )
  )
