/** Libs that were written and then partly lost or damaged: the starting point of every test of recovery. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Lib from "litetapes/Lib"
import { type MetaOwner, type Root, Storage, type StorageError } from "litetapes/Storage"
import type { JsonObject } from "litetapes/TaraSON"
import { flipped } from "./copyLib.ts"
import { type LibService, recordsOf, type StorageService } from "./openLib.ts"
import { crashed, type Ground, rewriteMeta, tamper, type TransformKind, withLib } from "./transformGround.ts"

export interface Damage<Written, Left> {
  /** Runs in a writer that closes the lib. */
  readonly write?: (lib: LibService) => Effect.Effect<Written, unknown>
  /** Runs in a writer that is killed afterwards. */
  readonly crash?: (lib: LibService) => Effect.Effect<Left, unknown>
  /** Changes the files of the lib after both writers have ended. */
  readonly damage?: (root: Root) => Effect.Effect<unknown, StorageError>
  /** The metas that are lost at the end: those of these tapes, and lib meta for `undefined`. */
  readonly lose?: ReadonlyArray<MetaOwner>
}

export interface DamagedLib<Written, Left> extends Ground {
  readonly at: string
  /** The result of `write`. */
  readonly written: Written
  /** The result of `crash`. */
  readonly left: Left
  /** Opens the lib, uses it, and closes it. */
  readonly open: <A, E>(
    use: (lib: LibService) => Effect.Effect<A, E, Lib.Lib | Scope.Scope>,
    options?: Lib.Options
  ) => ReturnType<typeof withLib<A, E>>
  /** Changes the files of the lib, which must not be open. */
  readonly change: <A, E>(change: (root: Root) => Effect.Effect<A, E>) => Effect.Effect<A, E | StorageError>
  /** Recovers the lib. */
  readonly recover: ReturnType<typeof recoverAt>
  /** Opens the lib in a writer that is killed afterwards. */
  readonly crashAgain: <A>(
    use: (lib: LibService) => Effect.Effect<A, unknown>
  ) => Effect.Effect<DamagedLib<Written, A>, unknown>
  /** Copies the lib as it is now. */
  readonly copied: Effect.Effect<DamagedLib<Written, Left>, StorageError>
}

/** Recovers the lib at a place. */
export const recoverAt = (storage: StorageService, at: string, options?: Lib.RecoverLibOptions) =>
  Effect.provideService(Lib.recover(at, options), Storage, storage)

/** Writes a lib, kills its writer, damages files and loses metas, in that order, as the options say. */
export const damagedLib = Effect.fnUntraced(function* <Written = undefined, Left = undefined>(
  { ground, place }: TransformKind,
  { write, crash, damage, lose = [] }: Damage<Written, Left>
) {
  const found = yield* ground
  const { copy, loseMeta, storage } = found
  const libAt = <L>(at: string, written: Written, left: L): DamagedLib<Written, L> => ({
    ...found,
    at,
    written,
    left,
    open: (use, options) => withLib(storage, at, use, options),
    change: (change) => tamper(storage, at, change),
    recover: recoverAt(storage, at),
    crashAgain: <A>(use: (lib: LibService) => Effect.Effect<A, unknown>) => {
      const to = place()
      return Effect.map(crashed(found, at, to, use), (left): DamagedLib<Written, A> => libAt(to, written, left))
    },
    copied: Effect.suspend(() => {
      const to = place()
      return Effect.as(copy(at, to), libAt(to, written, left))
    })
  })
  let at = place()
  const written = write === undefined ? undefined : yield* withLib(storage, at, write)
  let left: Left | undefined
  if (crash !== undefined) {
    const copied = place()
    left = yield* crashed(found, at, copied, crash)
    at = copied
  }
  if (damage !== undefined) yield* tamper(storage, at, damage)
  for (const owner of lose) yield* loseMeta(at, owner)
  return libAt(at, written as Written, left as Left)
})

/** Flips a bit in the meta of a tape, or in lib meta. */
export const damageMeta = (root: Root, owner: MetaOwner, byte: number, bit = 0) =>
  rewriteMeta(root, owner, (bytes) => flipped(bytes, byte, bit))

type Report = Effect.Success<ReturnType<LibService["recoverTape"]>>

/**
 * Recovers tape `a`, and checks that the report contains `expected`, that the tape has these records, and that a read of
 * all of them fails if the tape lists a loss.
 */
export const checkRecovery = (
  lib: LibService,
  expected: Partial<Report>,
  records: ReadonlyArray<JsonObject>,
  message?: string
) =>
  Effect.gen(function* () {
    const report = yield* lib.recoverTape("a")
    assert.deepInclude(report, expected, message)
    assert.deepStrictEqual(yield* recordsOf(lib, "a", { allowGaps: true }), [...records], message)
    const { _tag } = yield* Effect.result(recordsOf(lib, "a"))
    assert.strictEqual(_tag, report.losses.length === 0 ? "Success" : "Failure", message)
    return report
  })

/** Checks that tape `a` has these records, whatever it has lost, and that the whole lib verifies. */
export const checkWhole = (lib: LibService, records: ReadonlyArray<JsonObject>) =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* recordsOf(lib, "a", { allowGaps: true }), [...records])
    assert.isTrue((yield* lib.verify()).ok)
  })

/** Returns the name of a segment file. */
export const segmentFile = (number: number): string => `seg-${String(number).padStart(6, "0")}.jsonl`
