/** A tape in use: its folded meta, and the committed records that are in no segment yet; how it is loaded. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { TapeInvalid, TapeNotFound, type WriterPoisoned } from "../../domain/format/Errors.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import { parseSegmentName } from "../../domain/format/Names.ts"
import type * as TapeState from "../../domain/meta/TapeState.ts"
import type { StorageError } from "../ports/Storage.ts"
import { type Core, writeStep } from "./LibHandle.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import { type LoadedMeta, readTapeMeta, type TapeMetaError } from "./TapeMeta.ts"

/** What loading a tape may fail with. */
export type LoadError = TapeNotFound | TapeMetaError | StorageError | WriterPoisoned

export class OpenTape {
  readonly name: string
  id: string
  readonly lock = Semaphore.makeUnsafe(1)
  state: TapeState.TapeState
  metaVersion: string
  metaEnd: string | null
  /** Committed and acknowledged, in no segment yet; ascending. Replaced, never changed in place, when some are closed. */
  parts: Array<LivePart>
  /** Records at the end of its segments that a reader must not show yet: their batch is not acknowledged for all it knows. */
  hidden = 0
  /** Goes up when the tape was recovered: what was known of its streams is not true any more. */
  generation = 0
  /** One repack of a tape at a time. */
  readonly repacking = Semaphore.makeUnsafe(1)
  #reserved = 0
  #repacked: number | undefined

  constructor(name: string, meta: LoadedMeta, parts: Array<LivePart>) {
    this.name = name
    this.id = meta.state.tape
    this.state = meta.state
    this.metaVersion = meta.version
    this.metaEnd = meta.end
    this.parts = parts
  }

  /** The tape was recovered: everyone who has it in use goes on with what is there now, under its new identity. */
  become(recovered: OpenTape): void {
    this.id = recovered.id
    this.generation++
    this.#reserved = 0
    this.#repacked = undefined
    this.show(recovered)
  }

  /** Takes over a newer view of the same tape. */
  show(newer: OpenTape): void {
    this.state = newer.state
    this.metaVersion = newer.metaVersion
    this.metaEnd = newer.metaEnd
    this.parts = newer.parts
    this.hidden = newer.hidden
  }

  /**
   * Takes the numbers of `count` segments to come, in a row; the first of them. A number that is taken and not used is
   * left out: numbers ascend along the stream, and nothing else is asked of them (I3).
   */
  takeNumbers(count: number): number {
    const first = Math.max(this.state.nextNumber, this.#reserved)
    this.#reserved = first + count
    return first
  }

  /**
   * The same for a repack. What one that is done has left over the next one takes, unless somebody took any since: so
   * that the same numbers are left out in front of what it makes, by which recovery knows it.
   */
  takeRepackNumbers(count: number): number {
    if (this.#reserved === this.#repacked) this.#reserved = 0
    this.#repacked = undefined
    return this.takeNumbers(count)
  }

  /** A repack is done that had taken the numbers before `behind`. */
  endRepack(behind: number): void {
    this.#repacked = behind
  }

  /** Number of records, committed and not closed yet included. */
  get records(): number {
    const last = this.parts.at(-1)
    return last === undefined ? this.state.records - this.hidden : last.firstOrdinal + last.count
  }
}

/** What the lib says of a tape. */
export const listing = (core: Core, name: string): TapeListing | undefined => core.state.tapes.get(name)

/** The tape of that name, loaded at its first use. */
export const openTape = (core: Core, name: string): Effect.Effect<OpenTape, LoadError> =>
  Effect.suspend(() => {
    const known = core.tapes.get(name)
    if (known !== undefined) return Effect.succeed(known)
    return core.loadLock.withPermit(
      Effect.suspend(() => {
        const loaded = core.tapes.get(name)
        return loaded === undefined ? load(core, name) : Effect.succeed(loaded)
      })
    )
  })

const load = Effect.fnUntraced(function* (core: Core, name: string): Effect.fn.Return<OpenTape, LoadError> {
  const listed = listing(core, name)
  if (listed === undefined) return yield* new TapeNotFound({ tape: name })
  let meta = yield* readTapeMeta(core, listed)
  if (core.root.mode === "read") {
    yield* checkParts(listed, meta.state, partsOf(core, listed, meta.state))
    return yield* new TapeInvalid({ tape: name, why: "its meta was bad when this reader looked: refresh it" })
  }
  if (core.unclean) {
    // I2: what an interrupted writer left may be readable and still not durable. Written again, it is.
    const version = yield* writeStep(core, core.root.replaceMeta(name, meta.version, meta.bytes))
    meta = { ...meta, version }
  }
  const parts = yield* partsBehind(core, listed, meta.state)
  // Not before meta has been found to be the last one: what an older one does not list is no garbage.
  if (core.unclean) yield* removeGarbage(core, name, meta.state)
  const tape = new OpenTape(name, meta, parts)
  core.tapes.set(name, tape)
  return tape
})

/**
 * Removes what an interrupted flush or repack left: files that meta never listed, or lists no more. Those from before a
 * recovery stay, which may be somebody's only copy; and all of them where a listed one is missing: then meta may be an
 * older one that was put back.
 */
const removeGarbage = (core: Core, tape: string, state: TapeState.TapeState): Effect.Effect<void, StorageError> =>
  Effect.flatMap(core.root.listSegments(tape), (names) => {
    const listed = new Set(state.segments.map((segment) => segment.name))
    const found = new Set(names)
    const isWhole = state.segments.every((segment) => found.has(segment.name))
    const garbage = names.filter((name) => {
      const number = numberOf(name)
      return isWhole && number !== undefined && number >= state.takenNumbers && !listed.has(name)
    })
    const remove = (name: string) =>
      Effect.andThen(
        Effect.ignore(core.root.removeIndex(tape, name)),
        Effect.ignore(core.root.removeSegment(tape, name))
      )
    return Effect.forEach(garbage, remove, { discard: true })
  })

const numberOf = (name: string): number | undefined => {
  try {
    return parseSegmentName(name).number
  } catch {
    return undefined
  }
}

/** What is committed and in no segment of the tape. With its meta it must fit: no gap, no overlap. */
export const partsBehind = (
  core: Pick<Core, "dynamics" | "durable">,
  listed: TapeListing,
  state: TapeState.TapeState
): Effect.Effect<Array<LivePart>, TapeInvalid> => {
  const { durable } = core
  if (state.lastBatch > durable.batch) {
    // What is committed from here on would be taken for what its segments have already.
    const why = `its meta is of batch ${state.lastBatch}, the lib's last one is ${durable.batch}: batches were lost, or an older lib meta was put back, recover the tape`
    return Effect.fail(new TapeInvalid({ tape: listed.name, why }))
  }
  const parts = partsOf(core, listed, state)
  return Effect.as(checkParts(listed, state, parts), parts)
}

const partsOf = (core: Pick<Core, "dynamics">, listed: TapeListing, { lastBatch }: TapeState.TapeState) =>
  core.dynamics.flatMap((file) => file.parts.get(listed.tape) ?? []).filter((part) => part.batch > lastBatch)

/** Whether parts follow `records` records without a gap or an overlap. */
export const isRow = (records: number, parts: ReadonlyArray<LivePart>): boolean =>
  firstOff(records, parts) === undefined

const firstOff = (records: number, parts: ReadonlyArray<LivePart>) => {
  let next = records
  for (const { firstOrdinal, count } of parts) {
    if (firstOrdinal !== next) return { firstOrdinal, next }
    next = firstOrdinal + count
  }
  return undefined
}

const checkParts = (
  listed: TapeListing,
  { records }: TapeState.TapeState,
  parts: ReadonlyArray<LivePart>
): Effect.Effect<void, TapeInvalid> => {
  const off = firstOff(records, parts)
  if (off === undefined) return Effect.void
  const why = `committed records begin at ${off.firstOrdinal}, but its segments end at ${off.next}: an older meta was put back, recover the tape`
  return Effect.fail(new TapeInvalid({ tape: listed.name, why }))
}
