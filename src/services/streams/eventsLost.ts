/** The error of a read or an append that lost events keep from its answer. */
import { EventsLost } from "../../domain/event/EventErrors.ts"
import { revisionsOf } from "../../domain/meta/Losses.ts"
import type { Lost } from "../../domain/meta/SystemRecord.ts"

/** Returns the error about a loss on `tape`. `stream` is null if events of all streams were read. */
export const eventsLost = (tape: string, stream: string | null, lost: Lost): EventsLost => {
  const revisions = stream === null ? undefined : revisionsOf(lost, stream)
  return new EventsLost({
    tape,
    stream,
    revisions: revisions === undefined || revisions === "none" ? null : revisions,
    positions: lost.positions ?? [0, 0],
    ordinal: lost.ordinal,
    segment: lost.segment
  })
}
