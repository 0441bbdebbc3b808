/** Commands of deciders, for callers without Effect. */
import * as Effect from "effect/Effect"
import { lazy } from "../../services/base/lazy.ts"
import type * as Decider from "../../services/Decider.ts"
import type { EventStore } from "../../services/EventStore.ts"
import type * as Lib from "../../services/Lib.ts"
import { callChecks } from "./callChecks.ts"
import { type CallOptions, withoutSignal } from "./CallOptions.ts"
import type { Runs } from "./Runs.ts"

/** The calls of an open store that handle commands. Each does what the one of `Decider` does, with the same types. */
export interface PromiseDeciders {
  /**
   * Handles a command of a decider: see `Decider.handle`. Rejects with the error that `decide` returns or throws. The decider
   * must need no services.
   *
   * **Example**
   *
   * ```ts
   * const { state } = await store.handle(Withdrawals, "17", { cents: 500 }, { commandId: request.id })
   * ```
   */
  readonly handle: <C extends Decider.AnyCategory, State, Command, E>(
    decider: Decider.Decider<C, State, Command, E>,
    id: string,
    command: NoInfer<Command>,
    options?: Decider.HandleOptions<NoInfer<C>> & CallOptions
  ) => Promise<Decider.Handled<C, State>>
  /** Handles commands for several aggregates as one: see `Decider.handleAll`. */
  readonly handleAll: <const T extends ReadonlyArray<Decider.AnyAddressed>>(
    commands: T,
    options?: Decider.HandleOptions<T[number]["decider"]["category"]> & CallOptions
  ) => Promise<Decider.AllHandled<T>>
  /** Returns the present state of an aggregate: see `Decider.load`. */
  readonly load: <C extends Decider.AnyCategory, State, Command, E>(
    decider: Decider.Decider<C, State, Command, E>,
    id: string,
    options?: CallOptions
  ) => Promise<Decider.Loaded<State>>
}

/** Makes them for an open store. */
export const decidersOf = (runs: Runs<EventStore | Lib.Lib>): PromiseDeciders => ({
  handle: ((decider: never, id: never, command: never, options?: CallOptions) =>
    runs.run("append", "PromiseStore.handle", options, () =>
      Effect.map(
        handleCommands("PromiseStore.handle", [{ decider, id, command }], withoutSignal(options)),
        ([outcome]) => outcome
      )
    )) as PromiseDeciders["handle"],
  handleAll: ((commands: never, options?: CallOptions) =>
    runs.run("append", "PromiseStore.handleAll", options, () =>
      handleCommands("PromiseStore.handleAll", commands, withoutSignal(options))
    )) as unknown as PromiseDeciders["handleAll"],
  load: ((decider: never, id: never, options?: CallOptions) =>
    runs.run(
      "read",
      "PromiseStore.load",
      options,
      () => stateOf("PromiseStore.load", { decider, id, command: undefined }),
      callChecks
    )) as unknown as PromiseDeciders["load"]
})

const handleCommands = lazy(() => import("../../services/handleCommands.ts"), "handleCommands")
const stateOf = lazy(() => import("../../services/handleCommands.ts"), "stateOf")
