/**
 * Checks of everything that a `Storage` has to do, as a list that any test runner can run: a dozen lines test your own
 * storage. See docs/TESTING.md.
 *
 * A check makes a lib at a place that was never used, runs operations on it, and compares. It fails with
 * `ConformanceFailure`: what was compared, what was expected, what came, and which promise of the port was broken.
 *
 * The port cannot show what a power loss leaves: a storage that passes keeps its promises for as long as its process
 * and what it is built on live.
 *
 * @example
 * ```ts
 * const kind = Conformance.fromLayer(MyStorage.layer, () => `place-${(places += 1)}`)
 * for (const check of Conformance.all(kind)) test(check.name, () => Effect.runPromise(check.run))
 * ```
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { Storage } from "../services/ports/Storage.ts"
import { ConformanceFailure } from "./ConformanceFailure.ts"
import { derivedDemands } from "./internal/conformance/derived.ts"
import { failureOf } from "./internal/conformance/failureOf.ts"
import type { Demand } from "./internal/conformance/ground.ts"
import { hintDemands } from "./internal/conformance/hint.ts"
import { inTime } from "./internal/conformance/inTime.ts"
import { journalDemands } from "./internal/conformance/journal.ts"
import { libDemands } from "./internal/conformance/libs.ts"
import { metaDemands } from "./internal/conformance/metas.ts"
import { openDemands } from "./internal/conformance/opening.ts"
import { quarantineDemands } from "./internal/conformance/quarantine.ts"
import { segmentDemands } from "./internal/conformance/segments.ts"
import { tapeDemands } from "./internal/conformance/tapes.ts"

export { ConformanceFailure }

/** A kind of storage: how to get one, and where its libs can be. */
export interface Kind {
  /** Makes a storage for each check, and releases it when the check ends. Checks may share what it is built on. */
  readonly storage: Effect.Effect<Storage["Service"], unknown, Scope.Scope>
  /** Returns a place that was never used before, and that opening for writing can create. */
  readonly place: () => string
  /**
   * Returns whether a place contains these bytes, whole and anywhere, even where no operation reads them: quarantined
   * bytes, and tapes that were moved aside. Called while nothing has the place open. Only you know where to look:
   * without it, the checks do not test whether these bytes are kept.
   */
  readonly holds?: (place: string, bytes: Uint8Array) => Effect.Effect<boolean, unknown>
  /**
   * Time after which a check has failed, because something waits for ever. The check is then interrupted, and abandoned
   * if it does not stop. Default: 60 seconds.
   */
  readonly timeLimit?: Duration.Input
}

/**
 * The part of the port that a check is about. `opening`: how roots are opened. `lib`: what is built on the other parts.
 */
export type Section = "opening" | "meta" | "tapes" | "journal" | "segments" | "derived" | "hint" | "quarantine" | "lib"

/** One requirement of a storage. */
export interface Check {
  /** The requirement as a sentence; no two checks have the same name. */
  readonly name: string
  /** The part of the port that it is about. */
  readonly section: Section
  /** The promise of the port that it checks. */
  readonly promise: string
  /**
   * Runs the check. It needs nothing, and leaves nothing open if it ends in time; what it wrote stays at its places.
   */
  readonly run: Effect.Effect<void, ConformanceFailure>
}

/** The results of a list of checks. */
export interface Report {
  /** Names of the checks that passed. */
  readonly passed: ReadonlyArray<string>
  /** Failures of the others. */
  readonly failed: ReadonlyArray<ConformanceFailure>
}

/** Returns the kind of storage that a layer provides. The layer is built for each check. */
export const fromLayer = <E>(layer: Layer.Layer<Storage, E>, place: () => string): Kind => ({
  // Fresh: a layer that is built once for all checks would be released with the first one.
  storage: Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Storage)),
  place
})

const storageDemands: ReadonlyArray<readonly [Section, ReadonlyArray<Demand>]> = [
  ["opening", openDemands],
  ["meta", metaDemands],
  ["tapes", tapeDemands],
  ["journal", journalDemands],
  ["segments", segmentDemands],
  ["derived", derivedDemands],
  ["hint", hintDemands],
  ["quarantine", quarantineDemands]
]

/** Returns the checks of the port itself. */
export const storage = (kind: Kind): ReadonlyArray<Check> =>
  storageDemands.flatMap(([section, demands]) => demands.map((demand) => checkOf(kind, section, demand)))

/** Returns the checks of what is built on it: libs, tapes and events, opened, killed, repacked, recovered. */
export const lib = (kind: Kind): ReadonlyArray<Check> => libDemands.map((demand) => checkOf(kind, "lib", demand))

/** Returns all checks. */
export const all = (kind: Kind): ReadonlyArray<Check> => [...storage(kind), ...lib(kind)]

/** Runs all checks, one after the other, for use without a test runner. */
export const run = (checks: ReadonlyArray<Check>): Effect.Effect<Report> =>
  Effect.map(
    Effect.forEach(checks, (check) => Effect.result(Effect.as(check.run, check.name))),
    (results) => ({
      passed: results.filter(Result.isSuccess).map(({ success }) => success),
      failed: results.filter(Result.isFailure).map(({ failure }) => failure)
    })
  )

const checkOf = (kind: Kind, section: Section, { name, promise, body }: Demand): Check => ({
  name,
  section,
  promise,
  run: Effect.flatMap(kind.storage, (storage) => body({ storage, place: kind.place, holds: kind.holds })).pipe(
    Effect.scoped,
    (check) => inTime(check, kind.timeLimit ?? "60 seconds"),
    Effect.catchCause((cause) => failureOf({ name, promise }, cause))
  )
})
