/** Opens the lib that a command is about. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { readdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { TapeNotFound } from "../domain/format/Errors.ts"
import * as NodeStorage from "../layers/NodeStorage.ts"
import * as EventStore from "../services/EventStore.ts"
import * as Lib from "../services/Lib.ts"
import * as Tape from "../services/Tape.ts"
import { Usage } from "./errors.ts"
import { LibFlag } from "./flags.ts"
import { Output } from "./Output.ts"

/** Files that make a folder a lib, and a folder in it a tape (docs/FORMAT.md). */
const libMetaFile = "litelib.meta.jsonl"
const tapeMetaFile = "tape.meta.jsonl"

/** Returns where the lib is: an argument of the command, `--lib`, `$LITETAPES_LIB`, or the working directory. */
export const locationOf = (argument: Option.Option<string> = Option.none()) =>
  Effect.gen(function* () {
    const flag = yield* LibFlag
    const { env } = yield* Output
    const given = env["LITETAPES_LIB"]
    const fallback = given === undefined || given === "" ? "." : given
    return Option.getOrElse(argument, () => Option.getOrElse(flag, () => fallback))
  })

/** Returns the names in a folder; `undefined` if there is no such folder. */
export const namesIn = (location: string): ReadonlyArray<string> | undefined => {
  try {
    return readdirSync(resolve(location))
  } catch {
    return undefined
  }
}

/** Returns whether there is a lib, as far as its files say. */
export const looksLikeLib = (location: string): boolean => namesIn(location)?.includes(libMetaFile) === true

/** Returns whether files say that there is or was a lib: it may have lost its meta. */
const wasLib = (location: string): boolean =>
  namesIn(location)?.some(
    (name) => name.startsWith("litelib.") || namesIn(join(location, name))?.includes(tapeMetaFile) === true
  ) === true

const checkPlace = (location: string): Effect.Effect<void, Usage> =>
  looksLikeLib(location) || wasLib(location)
    ? Effect.void
    : Effect.fail(
        new Usage({
          message: `there is no lib at ${location}: ${namesIn(location) === undefined ? "there is no such folder" : "it has no litelib.meta.jsonl"}`
        })
      )

/** Opens the lib at a location for reading: without a lock, while another process writes to it. */
export const readerAt = (location: string) =>
  Effect.andThen(checkPlace(location), Effect.provide(Lib.open(location, { mode: "read" }), NodeStorage.layer))

/** Opens the lib that the command is about for reading. */
export const reader = Effect.suspend(() => Effect.flatMap(locationOf(), readerAt))

/** Opens the lib that the command is about for writing, which takes its lock. It must exist. */
export const writer = Effect.suspend(() =>
  Effect.flatMap(locationOf(), (location) =>
    Effect.andThen(checkPlace(location), Effect.provide(Lib.open(location, { create: "never" }), NodeStorage.layer))
  )
)

/** Fails unless the lib that the command is about has the tape. Takes no lock. */
export const requireTape = (name: string) =>
  within(
    Effect.flatMap(reader, (lib) =>
      Effect.flatMap(lib.tapes, (tapes) =>
        tapes.some((tape) => tape.name === name) ? Effect.void : Effect.fail(new TapeNotFound({ tape: name }))
      )
    )
  )

/** Returns the event store of an open lib. */
export const storeOf = (lib: Lib.LibService): Effect.Effect<EventStore.EventStore["Service"]> =>
  Effect.provideService(EventStore.make, Lib.Lib, lib)

/** Returns a tape of an open lib. */
export const tapeOf = (lib: Lib.LibService, name: string) => Effect.provideService(Tape.make(name), Lib.Lib, lib)

/** Returns the tapes that a command names, or all of them. */
export const tapesOf = (lib: Lib.LibService, names: ReadonlyArray<string>) =>
  Effect.flatMap(lib.tapes, (all) =>
    Effect.forEach(names.length > 0 ? names : all.map(({ name }) => name), (name) => tapeOf(lib, name))
  )

/** Runs an effect in a scope of its own: the lib closes before the command ends. */
export const within = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.scoped(effect)
