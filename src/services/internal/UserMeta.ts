/** User values in a tape's meta: the only part of meta that users may set. */
import * as Effect from "effect/Effect"
import type { MetaInvalid } from "../../domain/Errors.ts"
import * as TaraSON from "../../domain/TaraSON.ts"
import { TaraSONError } from "../../domain/TaraSONError.ts"
import type { StorageError } from "../Storage.ts"
import { attempt } from "./attempt.ts"
import { type Core, guard, type WriteError } from "./Core.ts"
import { changeTapeMeta, type OpenTape } from "./OpenTape.ts"

/** Sets `key`, or removes it where `value` is `undefined`. */
export const changeUserMeta = (
  core: Core,
  tape: OpenTape,
  key: string,
  value: TaraSON.Json | undefined
): Effect.Effect<void, WriteError | StorageError | MetaInvalid | TaraSONError> =>
  Effect.gen(function* () {
    yield* guard(core)
    const checked = yield* attempt<TaraSON.Json | undefined, TaraSONError>(() => check(core, key, value))
    yield* tape.lock.withPermit(
      Effect.uninterruptible(
        Effect.gen(function* () {
          yield* guard(core)
          if (checked === undefined) {
            if (!tape.state.userMeta.has(key)) return
            return yield* changeTapeMeta(core, tape, { $type: "LiteTape.UserMeta", key, removed: true })
          }
          return yield* changeTapeMeta(core, tape, { $type: "LiteTape.UserMeta", key, value: checked })
        })
      )
    )
  })

/** A copy of the value, so that what is folded is what was written. */
const check = (core: Core, key: string, value: unknown): TaraSON.Json | undefined => {
  if (typeof key !== "string" || key === "") {
    throw new TaraSONError({ pointer: "/key", reason: { _tag: "NotJsonValue", found: "an empty key" } })
  }
  TaraSON.encodeValue(key, core.state.limits)
  return value === undefined
    ? undefined
    : (JSON.parse(TaraSON.encodeValue(value, core.state.limits)) as TaraSON.Json)
}
