/** The contents of an undamaged lib, with which every answer is compared. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import type { Image } from "../../support/imageDisk.ts"
import { existingTape, type LibService, withLib } from "../../support/openLib.ts"
import { place, storageOver } from "./place.ts"

export interface TapeTruth {
  readonly name: string
  readonly role: "records" | "events"
  readonly isArchived: boolean
  /** Records in order, as canonical text. */
  readonly lines: ReadonlyArray<string>
  readonly segments: ReadonlyArray<{
    readonly number: number
    readonly name: string
    readonly from: number
    readonly to: number
  }>
}

export interface Truth {
  readonly tapes: ReadonlyMap<string, TapeTruth>
  /** All events in the order of their positions, as canonical text. */
  readonly events: ReadonlyArray<string>
  /** Streams by name, each with its tape and its events. */
  readonly streams: ReadonlyMap<string, { readonly tape: string; readonly events: ReadonlyArray<string> }>
  /** The last batch. */
  readonly batch: number
  /**
   * Batches that only the hint proves, the last one first: the number of records of each tape. Without a hint, any
   * number of them may be missing from the end, because they may never have been acknowledged.
   */
  readonly batches: ReadonlyArray<ReadonlyMap<string, number>>
}

/** Reads the contents of an undamaged image. */
export const truthOf = (image: Image): Promise<Truth> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const storage = yield* storageOver(image).storage
      return yield* withLib(storage, place, (lib) => readTruth(lib, image), { mode: "read" })
    })
  )

const readTruth = Effect.fnUntraced(function* (lib: LibService, image: Image) {
  const tapes = new Map<string, TapeTruth>()
  const ids = new Map<string, string>()
  for (const { name, role, state, tape: id } of yield* lib.tapes) {
    const tape = yield* existingTape(lib, name)
    ids.set(id, name)
    tapes.set(name, {
      name,
      role,
      isArchived: state === "archived",
      lines: (yield* Stream.runCollect(tape.records())).map((record) => JSON.stringify(record)),
      segments: (yield* tape.segments).map((info) => ({
        number: info.number,
        name: `${name}/${info.name}`,
        from: info.firstOrdinal,
        to: info.firstOrdinal + info.records
      }))
    })
  }
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  const events = yield* Stream.runCollect(store.readAll())
  const streams = new Map<string, { tape: string; events: Array<string> }>()
  for (const event of events) {
    const { tape } = streams.get(event.stream) ?? { tape: tapeOf(tapes, event.position) }
    const before = streams.get(event.stream)?.events ?? []
    streams.set(event.stream, { tape, events: [...before, JSON.stringify(event)] })
  }
  const { batch } = yield* lib.durable
  return {
    tapes,
    events: events.map((event) => JSON.stringify(event)),
    streams,
    batch,
    batches: unprovenBatches(image, ids)
  } satisfies Truth
})

/** Returns the tape that has the event. A clone has positions of another lib, but not the role `events`. */
const tapeOf = (tapes: ReadonlyMap<string, TapeTruth>, position: number): string => {
  const text = `"position":${position},"revision":`
  const found = [...tapes.values()].find(
    ({ lines, role }) => role === "events" && lines.some((one) => one.includes(text))
  )
  return found!.name
}

interface Line {
  readonly $type?: string
  readonly batch?: number
  readonly upto?: number
  readonly parts?: ReadonlyArray<readonly [tape: string, first: number, count: number]>
}

const linesOf = (bytes: Uint8Array): ReadonlyArray<Line> =>
  Buffer.from(bytes)
    .toString("utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Line]
      } catch {
        // The empty end of the file, or a torn line before it.
        return []
      }
    })

/** Returns the batches after the last one that lib meta itself proves. */
const unprovenBatches = (image: Image, ids: ReadonlyMap<string, string>): Array<ReadonlyMap<string, number>> => {
  const meta = linesOf(image.get(`${place}/litelib.meta.jsonl`)!)
  const upto = meta.findLast((line) => line.$type === "LiteLib.Epoch")?.upto ?? 0
  const batches = new Map<number, Map<string, number>>()
  for (const [file, bytes] of image) {
    if (!file.startsWith(`${place}/litelib.dynamic-`)) continue
    for (const { $type, batch, parts } of linesOf(bytes)) {
      if ($type !== "LiteLib.Commit" || batch === undefined || batch <= upto) continue
      batches.set(batch, new Map(parts!.map(([tape, , count]) => [ids.get(tape)!, count])))
    }
  }
  return [...batches].toSorted(([a], [b]) => b - a).map(([, counts]) => counts)
}
