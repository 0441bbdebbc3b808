/** The checkpoint of an append, as its caller gives it. What checks it is loaded with the first one. */
import { isArray } from "../../domain/base/isArray.ts"
import { unreadable } from "../../domain/format/checkOptions.ts"

/**
 * The positions that a consumer has done once an append is durable. They are added to its stored checkpoint: the append
 * fails with `CheckpointNotIncreased` if `position` is done already, or if nothing is added.
 */
export interface AppendCheckpoint {
  /** Name of the consumer: 1 to 64 lower-case letters, digits, `-` and `_`, beginning with a letter or digit. */
  readonly consumer: string
  /**
   * UUID of the lib to which the positions belong. An append to another lib fails with `NotInHistory`. The checkpoint
   * that a handler gets has it. Default: no check.
   */
  readonly lib?: string
  /**
   * UUID of the lineage to which the positions belong. The append fails with `NotInHistory` if the lib left this
   * lineage before these positions, or never had it. The checkpoint that a handler gets has it. Default: no check.
   */
  readonly lineage?: string
  /** Version of the consumer. A higher one than the stored version begins anew, a lower one is refused. Default: 1. */
  readonly version?: number
  /** Position of the event that the append answers. It must not be done yet. */
  readonly position?: number
  /** Every position below is done too, such as those of events that the consumer does not handle. Default: 0. */
  readonly low?: number
  /** More positions that are done, as ranges whose second position is excluded. Default: none. */
  readonly done?: ReadonlyArray<readonly [from: number, to: number]>
  /** Whether to replace the stored checkpoint instead of adding to it: the consumer continues there. Default: false. */
  readonly reset?: boolean
}

/** A copy of what a caller gave as the checkpoint of a call; `unreadable` if it cannot be read. */
export interface GivenCheckpoint {
  readonly call: string
  readonly given: unknown
}

/** Copies a checkpoint, so that its caller may change it meanwhile. */
export const takeCheckpoint = (call: string, given: AppendCheckpoint): GivenCheckpoint => {
  try {
    if (typeof given !== "object" || given === null || isArray(given)) return { call, given }
    const copy: Record<string, unknown> = { ...given }
    const { done } = given
    if (isArray(done)) copy["done"] = done.map((range) => (isArray(range) ? [...range] : range))
    return { call, given: copy }
  } catch {
    return { call, given: unreadable }
  }
}

/** The consumer is not in lib meta yet: list it, then queue the call again. */
export class MustList {
  readonly _tag = "MustList"
}

export const mustList = new MustList()
