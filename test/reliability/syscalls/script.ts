/** The steps of the program that is killed, and what must be there after each of them. */
import * as TaraSON from "litetapes/TaraSON"
import type { RepackOptions } from "litetapes/Tape"

/** One step; acknowledged once it is done. */
export type Step =
  | { readonly kind: "open" | "close" }
  | { readonly kind: "create" | "flush" | "archive" | "activate"; readonly tape: string }
  /** One batch over several tapes, `count` records each. */
  | { readonly kind: "commit"; readonly tapes: ReadonlyArray<string>; readonly count: number; readonly chars: number }
  /** One batch over several streams, each with its expected revision. */
  | { readonly kind: "events"; readonly streams: ReadonlyArray<string>; readonly count: number }
  | { readonly kind: "repack"; readonly tape: string; readonly options: RepackOptions }
  | { readonly kind: "clone"; readonly tape: string; readonly as: string }
  | { readonly kind: "meta"; readonly tape: string; readonly key: string; readonly value: number | undefined }

/** Size at which the dynamic segment rolls; `commit`s of long records reach it. */
export const closeBytes = 3000

const commit = (tapes: ReadonlyArray<string>, count: number, chars = 20): Step => ({
  kind: "commit",
  tapes,
  count,
  chars
})

const events = (streams: ReadonlyArray<string>, count = 1): Step => ({ kind: "events", streams, count })

/** Returns a session that does everything that a lib can do, once or twice. */
const once = (round: number): ReadonlyArray<Step> => [
  { kind: "open" },
  ...(round === 0
    ? [
        { kind: "create", tape: "alpha" } as const,
        { kind: "create", tape: "beta" } as const,
        { kind: "create", tape: "gamma" } as const
      ]
    : []),
  commit(["alpha"], 3),
  commit(["alpha", "beta", "gamma"], 2),
  events(["order-1"], 2),
  events(["order-1", "bill-1", "order-2"]),
  { kind: "meta", tape: "alpha", key: "unit", value: round },
  { kind: "flush", tape: "alpha" },
  // Over `closeBytes`, twice: two dynamic segments wait to be closed during the following steps.
  commit(["beta", "alpha"], 4, 900),
  commit(["alpha"], 4, 900),
  commit(["gamma"], 1),
  { kind: "repack", tape: "alpha", options: { targetBytes: 1500, compression: round % 2 === 0 ? "zstd" : "none" } },
  commit(["alpha", "beta"], 1),
  { kind: "clone", tape: "alpha", as: `copy-${round}` },
  events(["bill-1", "order-2"]),
  { kind: "archive", tape: "gamma" },
  { kind: "repack", tape: "alpha", options: { targetBytes: 100_000, dedup: true, shardEvery: 2 } },
  { kind: "activate", tape: "gamma" },
  commit([`copy-${round}`, "gamma"], 2),
  { kind: "meta", tape: "alpha", key: "unit", value: undefined },
  { kind: "close" }
]

/** The whole script: two sessions, each of several hundred system calls. */
export const script: ReadonlyArray<Step> = [...once(0), ...once(1)]

/** After this many steps the writer of the second scenario dies: it has two dynamic segments and repacked segments. */
export const stepsBeforeDeath = once(0).findIndex(({ kind }) => kind === "repack") + 2

/** Returns the records that `step` appends to one tape. Some are equal, so that a repack can leave repeats out. */
export const recordsOf = (step: number, count: number, chars: number): Array<TaraSON.JsonObject> =>
  Array.from({ length: count }, (_, n) =>
    n % 2 === 0 ? { step, n, text: "x".repeat(chars) } : { text: "again".repeat(20) }
  )

export const eventOf = (step: number, n: number) => ({ type: "Done", data: { step, n }, id: `event-${step}-${n}` })

/** The contents of a lib, as plain values that can be compared. */
export interface World {
  readonly tapes: Record<string, { state: string; userMeta: Record<string, unknown>; records: Array<string> }>
  readonly events: Array<{ stream: string; revision: number; position: number; id: string }>
}

/** Returns what must be there after the first `steps` steps. */
export const worldAfter = (steps: number): World => {
  const world: World = { tapes: {}, events: [] }
  for (const [index, step] of script.slice(0, steps).entries()) apply(world, step, index)
  return world
}

/** Returns the revision of a stream; -1 if it has no event. */
export const revisionIn = (world: World, stream: string): number =>
  world.events.findLast((event) => event.stream === stream)?.revision ?? -1

const apply = (world: World, step: Step, index: number): void => {
  switch (step.kind) {
    case "create":
      world.tapes[step.tape] = { state: "active", userMeta: {}, records: [] }
      return
    case "commit":
      for (const tape of step.tapes) {
        const lines = recordsOf(index, step.count, step.chars).map((record) => TaraSON.encode(record))
        world.tapes[tape]!.records.push(...lines)
      }
      return
    case "events":
      for (const stream of step.streams) {
        for (let n = 0; n < step.count; n++) {
          const [revision, position] = [revisionIn(world, stream) + 1, world.events.length]
          world.events.push({ stream, revision, position, id: eventOf(index, n).id })
        }
      }
      return
    case "clone":
      world.tapes[step.as] = { state: "active", userMeta: {}, records: [...world.tapes[step.tape]!.records] }
      return
    case "meta": {
      const { userMeta } = world.tapes[step.tape]!
      if (step.value === undefined) delete userMeta[step.key]
      else userMeta[step.key] = step.value
      return
    }
    case "archive":
    case "activate":
      world.tapes[step.tape]!.state = step.kind === "archive" ? "archived" : "active"
  }
}
