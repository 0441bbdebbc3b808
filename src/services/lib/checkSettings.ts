/** Compares the settings that a lib is opened with to those that it was created with. */
import * as Effect from "effect/Effect"
import { SettingsMismatch } from "../../domain/format/Errors.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import type { Placement } from "../../domain/format/Placement.ts"
import type { LibState } from "../../domain/meta/LibState.ts"
import type { Root } from "../ports/Storage.ts"

export interface LibOptions {
  readonly limits?: Partial<Limits> | undefined
  readonly placement?: Placement | undefined
}

/** Fails if the given settings are not those that the lib was created with. */
export const checkSettings = (
  root: Root,
  state: LibState,
  options: LibOptions
): Effect.Effect<void, SettingsMismatch> => {
  const mismatch = (setting: string, stored: unknown, given: unknown) =>
    new SettingsMismatch({
      location: root.location,
      setting,
      stored: JSON.stringify(stored) ?? "unknown",
      given: JSON.stringify(given) ?? "nothing"
    })
  const { placement } = options
  if (placement !== undefined && !samePlacement(placement, state.placement)) {
    return Effect.fail(mismatch("placement", state.placement, placement))
  }
  for (const [key, given] of Object.entries(options.limits ?? {})) {
    const stored = Object.hasOwn(state.limits, key) ? state.limits[key as keyof Limits] : undefined
    if (given !== undefined && given !== stored) return Effect.fail(mismatch(key, stored, given))
  }
  return Effect.void
}

const samePlacement = (a: Placement, b: Placement): boolean =>
  a.kind === b.kind && (a.kind !== "hashed" || b.kind !== "hashed" || a.tapes === b.tapes)
