/** Opens a shared lib: takes the first role of this process, and holds one until the scope closes. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { makeUuidV7 } from "../../domain/base/Uuid.ts"
import { type Checks, oneOf } from "../../domain/format/checkOptions.ts"
import { aDuration, checkLocation, checkOptions } from "../../services/base/checkCall.ts"
import { inBackground } from "../../services/base/inBackground.ts"
import { type EventStore, make as makeStore } from "../../services/EventStore.ts"
import * as Lib from "../../services/Lib.ts"
import { Measures } from "../../services/lib/Measures.ts"
import { libChecks, settingsOf } from "../../services/LibOptions.ts"
import { copyLib } from "../../services/onDemand.ts"
import { Randomness } from "../../services/ports/Randomness.ts"
import { Storage } from "../../services/ports/Storage.ts"
import { serve } from "../../services/serveLib.ts"
import { forwarding } from "./forwarding.ts"
import { release } from "./release.ts"
import type { OpenSharedError } from "./OpenSharedError.ts"
import { Roles } from "./Roles.ts"

/** Options of a shared store. All processes should give the same ones: any of them may become the writer. */
export interface Options extends Omit<Lib.Options, "mode" | "create" | "reopen"> {
  /**
   * Whether the lib may be new. `if-absent` (the default) creates it in an absent or empty place. `never` opens an existing
   * lib only, and fails with `LibNotFound` otherwise.
   */
  readonly create?: "if-absent" | "never"
  /**
   * How long an append, or the opening, waits while no process is the writer that this one can reach. Then it fails with
   * `WriterUnreachable`, or with `CommitOutcomeUnknown` if an answer was lost. Default: 30 seconds.
   */
  readonly waitMax?: Duration.Input
}

const { mode: _mode, reopen: _reopen, ...ofLib } = libChecks

const checks = { ...ofLib, create: oneOf("if-absent", "never"), waitMax: aDuration } satisfies Checks<Options>

const call = "SharedStore.open"

export const openShared = Effect.fn(call)(function* (
  location: string,
  options: Options = {}
): Effect.fn.Return<EventStore["Service"], OpenSharedError, Storage | Scope.Scope> {
  yield* checkLocation(call, location)
  yield* checkOptions(call, options, checks)
  const { waitMax = "30 seconds", ...ofLib } = options
  const context = yield* Effect.context<Storage>()
  const random = yield* Randomness
  const clock = yield* Clock.Clock
  const opening = { location: resolve(location), options: ofLib, settings: settingsOf(ofLib), measures: new Measures() }
  const caller = { litetapes: "caller", release, caller: randomUUID() } as const
  const roles = new Roles(opening, caller, Duration.toMillis(Duration.fromInputUnsafe(waitMax)), context, clock)
  const scope = yield* Scope.fork(yield* Scope.Scope)
  yield* Scope.addFinalizer(scope, roles.close)
  const first = yield* Effect.onError(roles.begin, (cause) => Scope.close(scope, Exit.failCause(cause)))
  yield* Effect.forkIn(inBackground(roles.hold(first)), scope)
  const storage = Context.get(context, Storage)
  const lib = serve(roles, storage, Scope.close(scope, Exit.void), (source, to, copyOptions) =>
    copyLib(source, storage, makeUuidV7(random), to, copyOptions)
  )
  return forwarding(roles, yield* Effect.provideService(makeStore, Lib.Lib, lib), random)
})

/** The socket is in the folder itself, not in a link to it. */
const resolve = (location: string): string => {
  const absolute = path.resolve(location)
  try {
    return fs.realpathSync(absolute)
  } catch {
    // It does not exist yet: opening it reports what is wrong.
    return absolute
  }
}
