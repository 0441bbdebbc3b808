/**
 * Views: read models in memory, folded from all events each time that a program starts. Nothing is stored, so nothing can be
 * stale after a change of the code, a crash or a restore.
 *
 * `read` returns a state that contains every event that was acknowledged before, so a program sees what it has
 * appended. Folding all events at each start is often fast enough up to a few million events; `litetapes/Projection`
 * keeps larger read models in tables.
 *
 * @example
 * ```ts
 * const balances = View.make({
 *   name: "balances",
 *   initialState: () => new Map<string, number>(),
 *   events: (on) => [
 *     on(Account, {
 *       Opened: "ignore",
 *       Deposited: (state, { data, stream }) => state.set(stream, (state.get(stream) ?? 0) + data.cents)
 *     })
 *   ]
 * })
 * const program = Effect.gen(function* () {
 *   const running = yield* balances.running
 *   yield* Account.append("17", [{ type: "Deposited", data: { cents: 500 } }])
 *   const cents = (yield* running.read).get("account-17")
 * })
 * program.pipe(
 *   Effect.provide(View.layer(balances)),
 *   Effect.provide(EventStore.layer("./bank")),
 *   Effect.provide(NodeStorage.layer)
 * )
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Category from "./Category.ts"
import { EventStore } from "./EventStore.ts"
import { checkView } from "./views/checkView.ts"
import { type Running, runView, type ViewError, ViewStopped } from "./views/runView.ts"
import { type Part, partOf } from "./views/ViewPart.ts"

export { ViewStopped }
export type { Part, Running, ViewError }

/** Folds an event into the state; `"ignore"` for a type that changes nothing. May change the state and return it. */
export type Fold<State, Event> = "ignore" | ((state: State, event: Event) => State)

/** A fold for each type of a category, the retired ones included. */
export type Folds<State, S extends Category.Schemas, R extends Category.Schemas, M> = {
  readonly [Type in (keyof S | keyof R) & string]: Fold<
    State,
    Category.Recorded<S, M, Type & keyof S> | Category.Recorded<R, M, Type & keyof R>
  >
}

/** Returns the folds of a category. Throws `InvalidArgument` if a type has no fold, or a fold has no type. */
export type On<State> = <S extends Category.Schemas, R extends Category.Schemas, M>(
  category: Category.Category<S, R, M>,
  folds: Folds<State, S, R, M>
) => Part<State>

/** Options of a view. */
export interface Options<Name extends string, State> {
  /** Names the view: 1 to 64 lower-case letters, digits, `-` and `_`, beginning with a letter or digit. */
  readonly name: Name
  /** Returns the state without events. */
  readonly initialState: () => State
  /** Returns the folds of each category, made by `on`. Events of other categories are filtered. */
  readonly events: (on: On<State>) => ReadonlyArray<Part<State>>
}

/** A view, which does nothing until it runs. */
export interface View<Name extends string, State> {
  /** Names the view. */
  readonly name: Name
  /** Returns the state without events. */
  readonly initialState: () => State
  /** The folds of its categories. */
  readonly parts: ReadonlyArray<Part<State>>
  /** The running view that `layer` provides, as a service. */
  readonly running: Context.Service<Running<State>, Running<State>>
}

/**
 * Makes a view.
 *
 * @throws InvalidArgument for an option that it does not know, or a value that it cannot take
 */
export const make = <const Name extends string, State>(options: Options<Name, State>): View<Name, State> => {
  const { initialState, name } = options
  const on: On<State> = (category, folds) => partOf(category, folds)
  const parts = checkView(options, on)
  return { name, initialState, parts, running: Context.Service<Running<State>>(`litetapes/View/${name}`) }
}

/**
 * Runs a view until the scope closes. Returns at once: the first `read` waits until all events are folded. If an event cannot
 * be decoded, a fold throws or the store cannot be read, the view stops: it logs an error, and `read` fails with the reason.
 */
export const run = <Name extends string, State>(
  view: View<Name, State>
): Effect.Effect<Running<State>, never, EventStore | Scope.Scope> =>
  Effect.flatMap(EventStore, ({ lib, position, subscribeBatches }) => {
    const seen = Effect.catchTag(lib.refresh, "ReaderBusy", () => Effect.void)
    const source = { subscribe: subscribeBatches, end: Effect.andThen(seen, position) }
    return runView(source, view.name, view.initialState(), view.parts)
  })

/** Runs a view as long as the layer is used, and provides it as `view.running`. */
export const layer = <Name extends string, State>(
  view: View<Name, State>
): Layer.Layer<Running<State>, never, EventStore> => Layer.effect(view.running, run(view))
