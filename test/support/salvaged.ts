/** Libs with a damaged segment, and what must hold once they are salvaged. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import type * as Lib from "litetapes/Lib"
import type { Root, StorageError } from "litetapes/Storage"
import * as IndexFiles from "../../src/services/segment/IndexFiles.ts"
import { internalsOf } from "../../src/services/internals.ts"
import { existingTape, type LibService, recordsOf, storeOf } from "./openLib.ts"
import { rewrite } from "./transformGround.ts"

export type StoredEvent = EventStore.RecordedEvent

/** One append of events of a tape `a`, or of records of a tape `notes`. */
export interface Write {
  readonly stream: number
  readonly count: number
  /** Bytes of each event. */
  readonly bytes: number
  readonly flush: boolean
}

/** Damages a file: where, as a share of its length, and how. */
export interface Harm {
  readonly kind: "flip" | "sector" | "cut" | "remove"
  readonly at: number
  readonly bit: number
}

export const streamOf = (n: number): string => `a-${n}`

const textOf = (n: number, bytes: number): string => `${n} ${"lorem ipsum ".repeat(Math.ceil(bytes / 12))}`

/** Writes a history, and returns all events by position. */
export const writeHistory = Effect.fnUntraced(function* (lib: LibService, writes: ReadonlyArray<Write>) {
  const store = yield* storeOf(lib)
  yield* lib.createTape("notes")
  const notes = yield* existingTape(lib, "notes")
  let n = 0
  for (const { bytes, count, flush, stream } of writes) {
    const events = Array.from({ length: count }, () => ({ type: "Said", data: { text: textOf(n++, bytes) } }))
    yield* store.append(streamOf(stream), events)
    yield* notes.append(events.map(({ data }) => data))
    if (!flush) continue
    yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.appendSegment)
    yield* notes.appendSegment
  }
  return yield* Stream.runCollect(store.readAll())
})

/** Returns how many records a flipped bit of a segment may cost: those of its block, or of its frame. */
export const costOf = (lib: LibService, tape: string, which: number, at: number) =>
  Effect.gen(function* () {
    const { handle } = internalsOf(lib)
    const { role, state } = yield* handle.tapes.get(tape)
    const { length } = state.segments
    const segment = state.segments[which % length]!
    const offset = Math.floor(at * (segment.bytes - 1))
    const { blocks, frames } = yield* handle.segments.index(tape, role, segment)
    const isHit = (raw: number): boolean => {
      if (frames.count === 0) return offset >= raw
      const frame = frames.frameOfRaw(raw)
      return offset >= frames.fileOffset[frame]! && offset < frames.fileOffset[frame]! + frames.fileBytes[frame]!
    }
    const counts = Array.from({ length: blocks.count }, (_, block) => {
      const [first, end] = [blocks.firstRecord[block]!, blocks.firstRecord[block + 1] ?? segment.records]
      const isIn = isHit(blocks.offset[block]!)
      return isIn && (frames.count > 0 || offset < blocks.offset[block]! + blocks.bytes[block]!) ? end - first : 0
    })
    return counts.reduce((sum, count) => sum + count, 0)
  })

/** Damages one segment of a tape, and removes its index if `index` is false. Returns the name of the segment. */
export const harm = (
  root: Root,
  tape: string,
  which: number,
  { at, bit, kind }: Harm,
  index: boolean
): Effect.Effect<string, StorageError> =>
  Effect.gen(function* () {
    const names = (yield* root.segments.list(tape)).toSorted()
    const name = names[which % names.length]
    if (name === undefined) return ""
    if (!index) yield* IndexFiles.remove(root.derived, tape, name)
    if (kind === "remove") yield* root.segments.remove(tape, name)
    else yield* rewrite(root, tape, name, (bytes) => damaged(bytes, at, bit, kind))
    return name
  })

const damaged = (bytes: Uint8Array, at: number, bit: number, kind: Harm["kind"]): Uint8Array => {
  const changed = Uint8Array.from(bytes)
  const offset = Math.floor(at * (bytes.length - 1))
  if (kind === "cut") return changed.subarray(0, offset)
  if (kind === "flip") changed[offset]! ^= 1 << bit
  else changed.fill(changed[offset] === 0 ? 1 : 0, offset, offset + 512)
  return changed
}

/** Everything that was ever given, to notice when it is given again. */
export class Given {
  readonly #revisions = new Set<string>()
  readonly #positions = new Set<number>()

  add({ position, revision, stream }: Pick<StoredEvent, "position" | "revision" | "stream">): void {
    const key = `${stream} ${revision}`
    assert.isFalse(this.#revisions.has(key), `revision ${revision} of ${stream} is given twice`)
    assert.isFalse(this.#positions.has(position), `position ${position} is given twice`)
    this.#revisions.add(key)
    this.#positions.add(position)
  }
}

/** Checks that what is left is unchanged and in order, and returns which events are missing. */
export const checkLeft = Effect.fnUntraced(function* (lib: LibService, before: ReadonlyArray<StoredEvent>) {
  const store = yield* storeOf(lib)
  const left = yield* Stream.runCollect(store.readAll({ allowGaps: true }))
  const known = new Map(before.map((event) => [event.position, event]))
  for (const event of left) assert.deepStrictEqual(event, known.get(event.position))
  const backward = yield* Stream.runCollect(store.readAll({ allowGaps: true, direction: "backward" }))
  assert.deepStrictEqual(backward.toReversed(), left)
  const there = new Set(left.map(({ position }) => position))
  return before.filter(({ position }) => !there.has(position))
})

/** Checks that missing events are listed as lost, and that each read returns all there was or fails typed. */
export const checkReads = Effect.fnUntraced(function* (
  lib: LibService,
  before: ReadonlyArray<StoredEvent>,
  missing: ReadonlyArray<StoredEvent>,
  lost: Lib.SalvageReport["lost"]
) {
  const store = yield* storeOf(lib)
  for (const { position } of missing) {
    assert.isTrue(
      lost.some(({ positions }) => positions![0] <= position && position < positions![1]),
      `position ${position} is gone, and nothing says so`
    )
  }
  const isKnown = lost.every(({ streams }) => streams !== null)
  for (const stream of new Set(before.map((event) => event.stream))) {
    const all = before.filter((event) => event.stream === stream)
    const isHit = missing.some((event) => event.stream === stream)
    for (const direction of ["forward", "backward"] as const) {
      const read = yield* Effect.result(Stream.runCollect(store.read(stream, { direction })))
      if (read._tag === "Success") {
        assert.isFalse(isHit, `${stream} is read short`)
        assert.deepStrictEqual(direction === "forward" ? read.success : read.success.toReversed(), all)
      } else {
        assert.strictEqual(read.failure._tag, "EventsLost")
        if (isKnown) assert.isTrue(isHit, `${stream} lost nothing, but cannot be read`)
      }
    }
  }
  const whole = yield* Effect.result(Stream.runCollect(store.readAll()))
  assert.strictEqual(whole._tag === "Failure" ? whole.failure._tag : "all", lost.length > 0 ? "EventsLost" : "all")
})

/** Checks that the notes that are left are unchanged and in order, and returns how many are missing. */
export const checkNotes = Effect.fnUntraced(function* (lib: LibService, before: ReadonlyArray<unknown>) {
  const left = yield* recordsOf(lib, "notes", { allowGaps: true })
  let at = 0
  for (const note of left) {
    at = before.findIndex((one, index) => index >= at && JSON.stringify(one) === JSON.stringify(note)) + 1
    assert.isAbove(at, 0, "a note is changed or out of order")
  }
  return before.length - left.length
})
