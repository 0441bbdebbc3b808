/** Changes to the tapes that a lib lists: creates, archives and activates them. */
import * as Effect from "effect/Effect"
import { storableNow } from "../base/storableNow.ts"
import {
  type ClockOutOfRange,
  type MetaInvalid,
  type TapeExists,
  type TapeNotFound,
  type WriterPoisoned
} from "../../domain/format/Errors.ts"
import { tapeNotFound } from "../../domain/format/TapeErrors.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import { checkTapeName, type InvalidTapeName } from "../../domain/format/Names.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../ports/Storage.ts"
import { attempt } from "../base/attempt.ts"
import type { LibHandle } from "./LibHandle.ts"
import type { WriteError } from "./WriterGuard.ts"

/** Errors of creating a tape. After `WriterPoisoned` it may be there or not, after any other error it is not. */
export type CreateTapeError = InvalidTapeName | TapeExists | MetaInvalid | ClockOutOfRange | StorageError | WriteError

/**
 * Creates the folder of a tape with its meta, then lists the tape. In this order, a listed tape always has its meta.
 */
export const createTape = (lib: LibHandle, name: string, role: Role): Effect.Effect<TapeListing, CreateTapeError> =>
  Effect.gen(function* () {
    yield* lib.guard.check
    yield* attempt<string, InvalidTapeName>(() => checkTapeName(name))
    return yield* lib.tapes.exclusively(createUnlisted(lib, name, role))
  })

const createUnlisted = (
  lib: LibHandle,
  name: string,
  role: Role
): Effect.Effect<TapeListing, Exclude<CreateTapeError, InvalidTapeName>> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      // While this fibre waited for the lock, another may have created the tape, or the writer may have stopped.
      yield* lib.guard.check
      yield* lib.tapes.checkFree(name)
      yield* lib.guard.checkLock
      const now = yield* storableNow
      const tape = lib.uuid(now)
      const listed: TapeListing = { name, tape, role, state: "active" }
      yield* lib.meta.checkRoom({ $type: "LiteLib.Tape", ...listed })
      const meta = MetaChain.writeTape([
        {
          $type: "LiteTape.Meta",
          created: new Date(now).toISOString(),
          format: 1,
          lastBatch: lib.journal.durable.batch,
          lib: lib.meta.state.lib,
          origin: { kind: "created" },
          role,
          tape
        }
      ])
      yield* lib.guard.step(lib.root.tapes.create(name, meta.bytes))
      yield* lib.meta.append({ $type: "LiteLib.Tape", ...listed })
      yield* lib.tapes.eventTapes.created(role)
      return listed
    })
  )

/** Archives or activates a tape. Writes nothing if the tape has that state already. */
export const setTapeState = (
  lib: LibHandle,
  name: string,
  state: "active" | "archived"
): Effect.Effect<void, TapeNotFound | WriteError> =>
  lib.tapes.exclusively(
    Effect.gen(function* () {
      yield* lib.guard.check
      const listed = lib.tapes.listing(name)
      if (listed === undefined) return yield* tapeNotFound(name)
      if (listed.state === state) return
      const { name: listedName, tape, role } = listed
      yield* lib.meta.append({ $type: "LiteLib.Tape", name: listedName, tape, role, state })
    })
  )

export type { WriterPoisoned }
