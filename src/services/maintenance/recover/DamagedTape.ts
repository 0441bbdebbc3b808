/**
 * Examines a tape whose own meta is bad or lost, in a lib that lost its meta too. The new lib lists the tape, so that
 * `recoverTape` can recover it.
 */
import * as Effect from "effect/Effect"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import * as MetaSalvage from "../../../domain/meta/MetaSalvage.ts"
import { checkTapeName } from "../../../domain/format/Names.ts"
import { parseIfSegmentName } from "../../../domain/format/parseIfSegmentName.ts"
import { tapeOf } from "../../../domain/format/Placement.ts"
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { NewLib } from "./NewLib.ts"
import { scanSegmentFile, type ScannedFile } from "../../segment/SegmentScan.ts"

export interface DamagedTape {
  readonly name: string
  /** Id that the damaged meta still contains; `undefined` if it is lost. */
  readonly tape: string | undefined
  readonly role: Role
  /** Position after the last event in readable files, and after what its meta lists as lost; 0 without events. */
  readonly nextPosition: number
}

/**
 * Returns the facts that are left of the tape in folder `name`. Returns `undefined` if the name is not valid, or if an
 * interrupted clone left the folder: during a clone its meta is empty.
 */
export const examine = Effect.fnUntraced(function* (
  lib: NewLib,
  name: string
): Effect.fn.Return<DamagedTape | undefined, StorageError> {
  if (!isTapeName(name)) return undefined
  const meta = yield* lib.root.meta.read(name)
  if (meta?.bytes.length === 0) return undefined
  const lines = MetaSalvage.salvageTape(`${name}/${tapeMetaFile}`, meta?.bytes ?? new Uint8Array(0), lib.limits)
  const known = lines.find((line) => line.$type === "LiteTape.Meta")
  if (known?.role === "records") return { name, tape: known.tape, role: "records", nextPosition: 0 }
  const events = yield* lastEvents(lib, name)
  const lost = lines.flatMap((line) => (line.$type === "LiteTape.Lost" ? [line.positions?.[1] ?? 0] : []))
  const nextPosition = Math.max(0, ...lost, ...events.map(({ position }) => position + 1))
  if (known !== undefined) return { name, tape: known.tape, role: "events", nextPosition }
  // The events may be those of a clone under another name, where the event store would not find them.
  const isPlaced = events.length > 0 && events.every(({ stream }) => tapeOf(lib.placement, stream) === name)
  return { name, tape: undefined, role: isPlaced ? "events" : "records", nextPosition: isPlaced ? nextPosition : 0 }
})

type LastEvent = NonNullable<ScannedFile["lastEvent"]>

/** Returns the last event of each good file that holds events. */
const lastEvents = Effect.fnUntraced(function* (
  lib: NewLib,
  name: string
): Effect.fn.Return<ReadonlyArray<LastEvent>, StorageError> {
  const found: Array<LastEvent> = []
  for (const segment of yield* lib.root.segments.list(name)) {
    const compression = parseIfSegmentName(segment)?.compression
    if (compression === undefined) continue
    const scanned = yield* Effect.result(scanSegmentFile(lib.segments, name, segment, compression, "events"))
    if (scanned._tag === "Success" && scanned.success.lastEvent !== undefined) found.push(scanned.success.lastEvent)
  }
  return found
})

const isTapeName = (name: string): boolean => {
  try {
    checkTapeName(name)
    return true
  } catch {
    return false
  }
}
