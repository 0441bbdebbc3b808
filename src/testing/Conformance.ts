/**
 * What every `Storage` has to do, as a list of checks that any test runner can run: test your own storage with a dozen
 * lines. See docs/TESTING.md.
 *
 * A check makes a lib at a place that was never used, does things to it, and looks. It fails with `ConformanceFailure`:
 * what was looked at, what should have come, what came, and which promise of the port does not hold.
 *
 * What a power loss leaves cannot be seen through the port: a storage that passes keeps its promises as long as its
 * process and what it stands on live.
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

/** A kind of storage: how to get one, and where its libs may be. */
export interface Kind {
  /** Made anew for each check, and let go of when the check ends. Checks may share what it stands on. */
  readonly storage: Effect.Effect<Storage["Service"], unknown, Scope.Scope>
  /** A place that was never used before, and that opening for writing can create. */
  readonly place: () => string
  /**
   * Whether a place holds these bytes, whole and anywhere, also where no operation reads them: what was set aside, and
   * tapes that made way. Asked while nothing has the place open. Nobody but you knows where to look; without it, it is
   * not looked at whether these are kept.
   */
  readonly holds?: (place: string, bytes: Uint8Array) => Effect.Effect<boolean, unknown>
  /**
   * A check that takes longer has failed: something waits for ever. It is told to stop, and left behind where it does
   * not. Default: 60 seconds.
   */
  readonly timeLimit?: Duration.Input
}

/** The role of the port that a check is about; `opening`: how roots are opened; `lib`: what stands on all of it. */
export type Section = "opening" | "meta" | "tapes" | "journal" | "segments" | "derived" | "hint" | "quarantine" | "lib"

/** One thing that a storage has to do. */
export interface Check {
  /** What is so, as a sentence; no two checks have the same. */
  readonly name: string
  readonly section: Section
  /** The promise of the port that is looked at. */
  readonly promise: string
  /** Needs nothing, and leaves nothing open if it ends in time; what it wrote stays at its places. */
  readonly run: Effect.Effect<void, ConformanceFailure>
}

/** What came of a list of checks. */
export interface Report {
  readonly passed: ReadonlyArray<string>
  readonly failed: ReadonlyArray<ConformanceFailure>
}

/** The kind of storage that a layer provides; it is built for each check. */
export const fromLayer = <E>(layer: Layer.Layer<Storage, E>, place: () => string): Kind => ({
  // Fresh: a layer that is built once for all would be let go of with the first check.
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

/** The checks of the port itself. */
export const storage = (kind: Kind): ReadonlyArray<Check> =>
  storageDemands.flatMap(([section, demands]) => demands.map((demand) => checkOf(kind, section, demand)))

/** The checks of what stands on it: libs, tapes and events, opened, killed, repacked, recovered. */
export const lib = (kind: Kind): ReadonlyArray<Check> => libDemands.map((demand) => checkOf(kind, "lib", demand))

/** All checks. */
export const all = (kind: Kind): ReadonlyArray<Check> => [...storage(kind), ...lib(kind)]

/** Runs checks one after the other, all of them, for whoever has no test runner. */
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
