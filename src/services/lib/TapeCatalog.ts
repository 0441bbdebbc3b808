/** Changes of what a lib lists: new tapes, archived and activated ones. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type MetaInvalid, TapeExists, TapeNotFound, type WriterPoisoned } from "../../domain/format/Errors.ts"
import { formatVersion } from "../../domain/format/Format.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import { checkTapeName, type InvalidTapeName } from "../../domain/format/Names.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../ports/Storage.ts"
import { attempt } from "../base/attempt.ts"
import { appendLibMeta, checkLock, type Core, guard, type WriteError, writeStep } from "./LibHandle.ts"
import { checkLibMetaRoom } from "./metaLimits.ts"

/** Builds a tape beside its place, moves it there, and lists it: in this order, so that a listed tape has its meta. */
export const createTape = (
  core: Core,
  name: string,
  role: Role
): Effect.Effect<TapeListing, InvalidTapeName | TapeExists | MetaInvalid | StorageError | WriteError> =>
  Effect.gen(function* () {
    yield* guard(core)
    yield* attempt<string, InvalidTapeName>(() => checkTapeName(name))
    return yield* core.loadLock.withPermit(createUnlisted(core, name, role))
  })

const createUnlisted = (
  core: Core,
  name: string,
  role: Role
): Effect.Effect<TapeListing, TapeExists | MetaInvalid | WriteError> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      // Another fibre may have been faster, or the writer may have stopped, while this one waited for the lock.
      yield* guard(core)
      if (core.state.tapes.has(name) || core.building.has(name)) return yield* new TapeExists({ tape: name })
      yield* checkLock(core)
      const now = yield* Clock.currentTimeMillis
      const tape = core.uuid(now)
      const listed: TapeListing = { name, tape, role, state: "active" }
      yield* checkLibMetaRoom(core, { $type: "LiteLib.Tape", ...listed })
      const meta = MetaChain.writeTape([
        {
          $type: "LiteTape.Meta",
          created: new Date(now).toISOString(),
          format: formatVersion,
          lastBatch: core.durable.batch,
          lib: core.state.lib,
          origin: { kind: "created" },
          role,
          tape
        }
      ])
      yield* writeStep(core, core.root.createTape(name, meta.bytes))
      yield* appendLibMeta(core, { $type: "LiteLib.Tape", ...listed })
      return listed
    })
  )

/** Archives or activates a tape; saying again what it is already writes nothing. */
export const setTapeState = (
  core: Core,
  name: string,
  state: "active" | "archived"
): Effect.Effect<void, TapeNotFound | WriteError> =>
  core.loadLock.withPermit(
    Effect.gen(function* () {
      yield* guard(core)
      const listed = core.state.tapes.get(name)
      if (listed === undefined) return yield* new TapeNotFound({ tape: name })
      if (listed.state === state) return
      const { name: listedName, tape, role } = listed
      yield* appendLibMeta(core, { $type: "LiteLib.Tape", name: listedName, tape, role, state })
    })
  )

export type { WriterPoisoned }
