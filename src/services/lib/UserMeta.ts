/** User values in tape meta, the only part of meta that users can set. */
import * as Effect from "effect/Effect"
import { MetaInvalid, type TapeInvalid } from "../../domain/format/Errors.ts"
import { tapeMetaFile } from "../../domain/format/Format.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { TapeRecord } from "../../domain/meta/SystemRecord.ts"
import * as TaraSON from "../../domain/json/TaraSON.ts"
import { TaraSONError } from "../../domain/json/TaraSONError.ts"
import type { StorageError } from "../ports/Storage.ts"
import { attempt } from "../base/attempt.ts"
import type { LibHandle } from "./LibHandle.ts"
import type { WriteError } from "./WriterGuard.ts"
import type { OpenTape } from "./OpenTape.ts"

/** Sets `key`, or removes it if `value` is `undefined`. */
export const changeUserMeta = (
  lib: LibHandle,
  tape: OpenTape,
  key: string,
  value: TaraSON.Json | undefined
): Effect.Effect<void, WriteError | StorageError | MetaInvalid | TapeInvalid | TaraSONError> =>
  Effect.gen(function* () {
    yield* lib.guard.check
    const checked = yield* attempt<TaraSON.Json | undefined, TaraSONError>(() => check(lib, key, value))
    yield* tape.lock.withPermit(
      Effect.uninterruptible(
        Effect.gen(function* () {
          yield* lib.guard.check
          if (checked === undefined) {
            if (!tape.state.userMeta.has(key)) return
            return yield* tape.meta.append({ $type: "LiteTape.UserMeta", key, removed: true })
          }
          yield* checkUserRoom(lib, tape, new Map([...tape.state.userMeta, [key, checked]]))
          return yield* tape.meta.append({ $type: "LiteTape.UserMeta", key, value: checked })
        })
      )
    )
  })

/** Limits user values to a quarter of a meta, so that there is always room to list a segment. */
const checkUserRoom = (
  lib: LibHandle,
  tape: OpenTape,
  values: ReadonlyMap<string, TaraSON.Json>
): Effect.Effect<void, MetaInvalid> =>
  Effect.suspend(() => {
    const { limits } = lib.meta.state
    const records = Array.from(values, ([key, value]) => ({ $type: "LiteTape.UserMeta" as const, key, value }))
    const { length } = MetaChain.write<TapeRecord>(null, records, limits).bytes
    const bytesMax = Math.floor(limits.metaBytesMax / 4)
    if (length <= bytesMax) return Effect.void
    const why = `user values would take ${length} bytes, but may take at most a quarter of metaBytesMax, which is ${bytesMax}. Remove some of them.`
    return Effect.fail(new MetaInvalid({ meta: `${tape.name}/${tapeMetaFile}`, line: tape.state.lines + 1, why }))
  })

/** Returns a copy of the value, so that the folded value is the written one. Checks it as part of its system record. */
const check = (lib: LibHandle, key: string, value: unknown): TaraSON.Json | undefined => {
  if (typeof key !== "string" || key === "") {
    throw new TaraSONError({ pointer: "/key", reason: { _tag: "NotJsonValue", found: "an empty key" } })
  }
  const { limits } = lib.meta.state
  const record = { $type: "LiteTape.UserMeta", key, ...(value === undefined ? { removed: true } : { value }) }
  const text = TaraSON.encodeSystem(record, { ...limits, depthMax: limits.depthMax + 1 })
  return (TaraSON.parseTrusted(text) as { readonly value?: TaraSON.Json }).value
}
