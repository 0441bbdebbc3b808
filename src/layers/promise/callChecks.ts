/** Checks the options of a call: of one that takes no other than its signal, and what a service cannot check of all others. */
import * as Layer from "effect/Layer"
import { anything, type Check, type Checks, shown, unreadable, wrongOptions } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { Aborted } from "./Aborted.ts"
import type { CallOptions } from "./CallOptions.ts"

/** A table of options. */
export type Table = Readonly<Record<string, Check>>

/** Options of a call that takes no others. `signalOf` checks the signal itself. */
export const callChecks = { signal: anything } satisfies Checks<CallOptions>

/** An option that is the layer of a service, such as `storage`. */
export const aLayer: Check = (value) =>
  value === undefined || Layer.isLayer(value) ? undefined : { below: "", why: "must be a Layer" }

/**
 * Returns the signal of a call. Throws why the call must not begin: its options are not those of the table, the signal is
 * none, or it was aborted. Without a table the service checks all options but the signal.
 */
export const signalOf = (call: string, options: unknown, table: Table | undefined): AbortSignal | undefined => {
  const wrong = table === undefined ? undefined : wrongOptions(call, options, table)
  if (wrong !== undefined) throw wrong
  const signal = givenSignal(call, options)
  if (signal === undefined) return undefined
  if (!isSignal(signal)) {
    throw new InvalidArgument({ call, argument: "options.signal", why: `must be an AbortSignal, not ${shown(signal)}` })
  }
  if (signal.aborted) throw new Aborted(false, signal.reason)
  return signal
}

const givenSignal = (call: string, options: unknown): unknown => {
  try {
    return (options as CallOptions | null | undefined)?.signal
  } catch {
    throw new InvalidArgument({ call, argument: "options", why: unreadable })
  }
}

/** A signal may come from another realm. */
const isSignal = (value: unknown): value is AbortSignal => {
  try {
    const { aborted, addEventListener, removeEventListener } = value as AbortSignal
    return (
      typeof aborted === "boolean" &&
      typeof addEventListener === "function" &&
      typeof removeEventListener === "function"
    )
  } catch {
    return false
  }
}
