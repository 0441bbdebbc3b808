/** Verifies one tape: its meta, its segments with their indexes, and its records that are not in a segment yet. */
import * as Effect from "effect/Effect"
import * as Event from "../../../domain/event/Event.ts"
import { EventOrder } from "../../../domain/event/EventOrder.ts"
import { type LibClosed, SegmentCorrupt } from "../../../domain/format/Errors.ts"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { JsonObject } from "../../../domain/json/TaraSON.ts"
import * as Merkle from "../../../domain/merkle/Merkle.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import type { Role, Segment } from "../../../domain/meta/SystemRecord.ts"
import { checkLines } from "../../../domain/segment/recordLines.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import type { LivePart } from "../../journal/DynamicFile.ts"
import { readRun, runsOf } from "../../journal/PartRuns.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { refreshReader } from "../../lib/openReader.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { checkIndex } from "../../segment/IndexCheck.ts"
import { readChecked } from "../../segment/readChecked.ts"
import { checkFile } from "../../segment/SegmentFile.ts"
import { hasHash } from "../../segment/SegmentPieces.ts"
import { verifySegment } from "../../segment/verifySegment.ts"
import { checkTapeMeta, type Failure, triesMax } from "./VerifyMeta.ts"
import { check, findingOf, type Run } from "./VerifyRun.ts"

/** Checks a tape and counts what was checked. Does nothing if the lib does not list the tape any more. */
export const checkTape = (run: Run, tape: OpenTape): Effect.Effect<void, LibClosed> => {
  const listed = run.lib.tapes.listing(tape.name)
  if (listed === undefined) return Effect.void
  return run.lib.root.mode === "write" ? checkOwn(run, tape, listed) : checkBeside(run, tape, listed)
}

/** Checks a writer's tape, including segments that are flushed meanwhile. */
const checkOwn = (run: Run, tape: OpenTape, listed: TapeListing): Effect.Effect<void, LibClosed> =>
  // A repack would remove files that are being checked.
  tape.repacking.withPermit(Effect.asVoid(run.lib.guard.whileOpen(checkOnce(run, tape, listed))))

/** Checks a reader's tape. If the writer removes its files meanwhile, checks the whole tape again. */
const checkBeside = Effect.fnUntraced(function* (
  run: Run,
  tape: OpenTape,
  listed: TapeListing
): Effect.fn.Return<void, LibClosed> {
  for (let tries = 1; ; tries++) {
    const { layout } = tape
    const { segments, records, bytes } = run
    const [bad, rebuilt] = [run.bad.length, run.rebuilt.length]
    const { isVanished } = yield* checkOnce(run, tape, listed)
    if (!isVanished || tries >= triesMax) return
    yield* Effect.ignore(refreshReader(run.lib))
    if (tape.layout === layout) return
    run.counter.grow(run.records - records, run.bytes - bytes)
    run.bad.length = bad
    run.rebuilt.length = rebuilt
    Object.assign(run, { segments, records, bytes })
  }
})

const checkOnce = Effect.fnUntraced(function* (
  run: Run,
  tape: OpenTape,
  listed: TapeListing
): Effect.fn.Return<{ readonly isVanished: boolean }, LibClosed> {
  const { lib } = run
  const first = run.bad.length
  yield* check(run, `${tape.name}/${tapeMetaFile}`, checkTapeMeta(lib, tape, listed))
  const order = listed.role === "events" && run.deep ? new EventOrder(tape.state.lost) : undefined
  let before = Merkle.empty
  for (let at = 0; ;) {
    const segment = tape.state.segments[at]
    yield* lib.guard.checkOpen
    if (segment !== undefined) {
      yield* checkAndCount(run, tape, segment, before, order)
      before = segment.merkle
      at++
      continue
    }
    const { parts } = tape
    const behind = yield* Effect.result(checkParts(run, tape.name, parts))
    if (behind._tag === "Success") break
    // A flush has put them into a segment meanwhile.
    if (tape.parts !== parts && lib.root.mode === "write") continue
    const { failure } = behind
    run.bad.push(findingOf(failure._tag === "SegmentCorrupt" ? failure.segment : "dynamic segments", failure))
    break
  }
  return {
    isVanished: run.bad.slice(first).some(({ error }) => error === "SegmentMissing" || error === "StorageError")
  }
})

const checkAndCount = Effect.fnUntraced(function* (
  run: Run,
  tape: OpenTape,
  segment: Segment,
  before: Merkle.State,
  order: EventOrder | undefined
): Effect.fn.Return<void> {
  const { lib } = run
  run.segments++
  const file = `${tape.name}/${segment.name}`
  const role = tape.role
  const deeply = Effect.flatMap(checkSegment(lib, tape.name, role, segment, before, order), (index) =>
    Effect.map(checkIndex(lib.segments, tape.name, role, segment, index), (rebuilt) => {
      if (rebuilt) run.rebuilt.push(file)
    })
  )
  const good = yield* check(run, file, run.deep ? deeply : checkHash(lib, tape.name, segment))
  if (!good) order?.lose()
  run.records += segment.records
  run.bytes += segment.bytes
  if (segment.firstOrdinal >= (run.counted.get(tape) ?? 0)) run.counter.grow(segment.records, segment.bytes)
  yield* run.counter.add(segment.records, segment.bytes)
})

/** Returns the index that the segment must have, if checking it has computed the index. */
const checkSegment = (
  lib: LibHandle,
  tape: string,
  role: Role,
  segment: Segment,
  before: Merkle.State,
  order: EventOrder | undefined
): Effect.Effect<Uint8Array | undefined, Failure> =>
  Effect.flatMap(verifySegment(lib.segments, tape, role, segment, before), (proved) => {
    if (proved !== undefined && (order === undefined || order.addRun(proved.events)))
      return Effect.succeed(proved.index)
    const each = order === undefined ? undefined : (record: JsonObject) => order.add(Event.fromRecord(record))
    return Effect.as(readChecked(lib.segments, tape, role, segment, before, each), undefined)
  })

const checkHash = (lib: LibHandle, tape: string, segment: Segment): Effect.Effect<void, Failure> =>
  Effect.flatMap(hasHash(lib.segments, tape, segment), (has) =>
    has ? Effect.void : checkFile(lib.segments, tape, segment)
  )

const checkParts = (
  { lib, deep }: Run,
  tape: string,
  parts: ReadonlyArray<LivePart>
): Effect.Effect<void, StorageError | SegmentCorrupt> =>
  Effect.forEach(
    runsOf(parts, 1024 * 1024),
    (run) => {
      const { file, offset } = run[0]!
      const corrupt = (why: string) => new SegmentCorrupt({ tape, segment: dynamicName(file.dynamic), offset, why })
      return Effect.flatMap(readRun(lib.root, tape, run), (pieces) =>
        deep ? decodeUntrusted(() => checkPieces(pieces, lib.meta.limits), corrupt) : Effect.void
      )
    },
    { discard: true }
  )

const checkPieces = (pieces: ReadonlyArray<Uint8Array>, limits: Limits): void => {
  for (const lines of pieces) checkLines(lines, limits)
}
