/**
 * One event store for several processes of one machine, such as the workers of a cluster, all of which append. Each of
 * them opens the same lib with this layer. One becomes the writer; the others read the lib themselves, and send what they
 * append to the writer over a Unix socket in the folder of the lib. When the writer's process ends, another one takes its
 * place.
 *
 * Everything that uses `EventStore` works through it unchanged: categories, deciders, decision models, subscriptions. An
 * append succeeds and fails as in the process of the writer, with errors of the same classes.
 *
 * @example
 * ```ts
 * const placing = Effect.gen(function* () {
 *   const store = yield* EventStore.EventStore
 *   yield* store.append("order-17", [{ type: "OrderPlaced" }], { expected: "no-stream" })
 * })
 * // The same in each process.
 * placing.pipe(Effect.provide(SharedStore.layer("./data")), Effect.provide(NodeStorage.layer))
 * ```
 *
 * @see docs/guide/processes.md
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { WriterUnreachable } from "../domain/format/WriterUnreachable.ts"
import { shown } from "../domain/format/checkOptions.ts"
import { InvalidArgument } from "../domain/format/Errors.ts"
import { EventStore } from "../services/EventStore.ts"
import * as Lib from "../services/Lib.ts"
import type { Storage } from "../services/ports/Storage.ts"
import { openShared, type Options } from "./shared/openShared.ts"
import type { OpenSharedError } from "./shared/OpenSharedError.ts"

export { WriterUnreachable }
export type { OpenSharedError, Options }

/**
 * Opens the lib at `location` for this process and others, until the scope closes, and returns its event store. Returns
 * once this process is the writer, or is connected to it. `store.lib.mode` says which: `write` or `read`. It changes when the
 * writer ends.
 *
 * Fails as `Lib.open` does, except that a lib that is locked is waited for: after `waitMax` it fails with
 * `WriterUnreachable`, such as when the writer does not share the lib, or runs another release of this package.
 */
export const open: (
  location: string,
  options?: Options
) => Effect.Effect<EventStore["Service"], OpenSharedError, Storage | Scope.Scope> = openShared

/**
 * Provides the event store of the lib at `location`, and the lib, to each process that uses this layer. Both are open for as
 * long as the layer is. See `open`.
 */
export const layer = (
  location: string,
  options?: Options
): Layer.Layer<EventStore | Lib.Lib, OpenSharedError, Storage> => Layer.effectContext(openContext(location, options))

/**
 * Opens a lib and returns its services. `shared` is the option of a `PromiseStore`.
 *
 * @internal
 */
export const openContext = (
  location: string,
  options?: Lib.Options,
  shared: unknown = true
): Effect.Effect<Context.Context<EventStore | Lib.Lib>, OpenSharedError, Storage | Scope.Scope> => {
  if (shared !== true && (typeof shared !== "object" || shared === null)) {
    const why = `must be true, false or { waitMax }, not ${shown(shared)}`
    return Effect.fail(new InvalidArgument({ call: "PromiseStore.open", argument: "options.shared", why }))
  }
  // Options that it does not have are refused.
  const all = (shared === true ? options : { ...options, ...shared }) as Options
  return Effect.map(openShared(location, all), (store) =>
    Context.add(Context.make(EventStore, store), Lib.Lib, store.lib)
  )
}
