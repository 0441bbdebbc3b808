/** Steps of cases on libs in folders. */
import * as Effect from "effect/Effect"
import * as path from "node:path"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as TaraSON from "litetapes/TaraSON"
import { existingTape, type LibService, tapeOf, withLib } from "../../support/openLib.ts"
import type { Ground } from "./table.ts"

/** Makes a closed lib with two segments on the tape `notes`. */
export const closedLib = Effect.fnUntraced(function* (ground: Ground, options: Lib.Options = {}) {
  const at = ground.place()
  yield* withLib(
    ground.storage,
    at,
    (lib) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        for (const n of [0, 2]) {
          yield* tape.append([{ n }, { n: n + 1 }])
          yield* tape.appendSegment
        }
      }),
    options
  )
  return at
})

/** Opens the lib for reading. */
export const opening = ({ storage }: Ground, at: string) => withLib(storage, at, () => Effect.void, { mode: "read" })

/** Opens the lib and its tape `notes` for reading. */
export const usingTape = ({ storage }: Ground, at: string) =>
  withLib(storage, at, (lib) => existingTape(lib, "notes"), { mode: "read" })

/** Fails with the first finding of `verify`. */
export const verifying = ({ storage }: Ground, at: string) =>
  Effect.flatMap(
    withLib(storage, at, (lib) => lib.verify(), { mode: "read" }),
    ({ bad: [first] }) => (first === undefined ? Effect.void : Effect.fail(findingAsError(first)))
  )

/** Turns a finding into an error. The reason is parsed from the words of the finding. */
const findingAsError = ({ error, file, offset, why }: Lib.VerifyReport["bad"][number]) => {
  const reason = /^(?:record \d+: )?.*?\b([A-Z][a-z]+[A-Z][A-Za-z]+)(?: at |: )/.exec(
    why.split(/at byte \d+: /)[1] ?? ""
  )
  return Object.assign(new Error(`${file}, byte ${offset}: ${why}`), {
    _tag: error,
    ...(reason === null ? {} : { reason: reason[1]! })
  })
}

const inNewLib = (ground: Ground, use: (lib: LibService) => Effect.Effect<unknown, unknown>, options?: Lib.Options) =>
  withLib<unknown, unknown>(ground.storage, ground.place(), use, options)

/** Appends a record to a new lib. */
export const appending =
  (record: () => unknown, options: Lib.Options = {}) =>
  (ground: Ground) =>
    inNewLib(
      ground,
      (lib) => Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append([{ ok: 1 }, record()])),
      options
    )

/** Appends an event to a new lib. */
export const appendingEvent =
  (event: () => EventStore.NewEvent, options: Lib.Options = {}) =>
  (ground: Ground) =>
    inNewLib(
      ground,
      (lib) =>
        Effect.flatMap(Effect.provideService(EventStore.make, Lib.Lib, lib), (store) =>
          store.append("order-1", [event()])
        ),
      options
    )

/** Sets a user value in a new lib. */
export const settingUserMeta = (value: () => unknown) => (ground: Ground) =>
  inNewLib(ground, (lib) =>
    Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.setUserMeta("key", value() as TaraSON.Json))
  )

/** Parses a foreign line. */
export const parsing = (line: string | Uint8Array) => (): Effect.Effect<unknown, unknown> =>
  Effect.try({
    try: () => TaraSON.parse(typeof line === "string" ? Buffer.from(line) : line),
    catch: (error) => error
  })

export const fileOf = (at: string, ...names: ReadonlyArray<string>): string => path.join(at, ...names)
