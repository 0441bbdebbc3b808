/** Copying committed lines out of dynamic segments, checked (I5: bytes are copied, never parsed and printed again). */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/Errors.ts"
import { invariant } from "../../domain/internal/invariant.ts"
import { dynamicName } from "../../domain/Names.ts"
import type { StorageError } from "../Storage.ts"
import type { Core } from "./Core.ts"
import type { DynamicEvents } from "./DynamicEvents.ts"
import type { LivePart } from "./DynamicFile.ts"
import { eventsOf } from "./FileEvents.ts"
import { ofForeign } from "./ofForeign.ts"
import { listing } from "./OpenTape.ts"
import { readRun, runsOf } from "./PartRuns.ts"
import type { SegmentSeal } from "./SegmentSeal.ts"

/** Bytes that are read and hashed before the event loop gets its turn. */
const copyBytes = 512 * 1024

/** Copies the lines of `parts` through `append`, and shows each to `seal` on the way. */
export const copyParts = Effect.fnUntraced(function* <E>(
  core: Core,
  tape: string,
  parts: ReadonlyArray<LivePart>,
  seal: SegmentSeal,
  append: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.fn.Return<void, E | StorageError | SegmentCorrupt> {
  const holdsEvents = listing(core, tape)?.role === "events"
  for (const run of runsOf(parts, copyBytes)) {
    const lines = yield* readRun(core, tape, run)
    const { file, offset } = run[0]!
    const events = holdsEvents ? yield* eventsOf(core, file) : undefined
    yield* ofForeign(
      () => {
        for (const [index, part] of run.entries()) {
          seal.add(lines[index]!, events === undefined ? undefined : keysFrom(events, part))
        }
      },
      (why) => new SegmentCorrupt({ tape, segment: dynamicName(file.dynamic), offset, why })
    )
    yield* append(lines.length === 1 ? lines[0]! : Buffer.concat(lines))
    // Hashing is work for the processor: other fibres come first.
    yield* Effect.yieldNow
  }
})

/** The part's lines are those that its CRC says; that the rows are theirs is proved by it too. */
const keysFrom = (events: DynamicEvents, { count, crc, offset }: LivePart) => {
  const first = events.rowAt(offset)
  invariant(events.crcOf(first, count) === crc, "rows stand in file order, one for each line")
  return (n: number) => events.row(first + n)
}
