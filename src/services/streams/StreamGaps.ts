/** Decides, for one read of a stream, whether missing revisions are lost events, and whether the read may pass them. */
import * as Effect from "effect/Effect"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { EventsLost } from "../../domain/event/EventErrors.ts"
import * as Losses from "../../domain/meta/Losses.ts"
import type { Lost } from "../../domain/meta/SystemRecord.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { eventsLost } from "./eventsLost.ts"
import { lastEvent } from "./StreamLoad.ts"

/** Revisions, the second one exclusive. */
type Revisions = readonly [first: number, end: number]

export class StreamGaps {
  readonly #lib: LibHandle
  readonly #tape: OpenTape
  readonly #stream: string
  readonly #allowed: boolean
  #last: Losses.LastEvent | undefined

  constructor(lib: LibHandle, tape: OpenTape, stream: string, allowed: boolean) {
    this.#lib = lib
    this.#tape = tape
    this.#stream = stream
    this.#allowed = allowed
  }

  get #lost(): ReadonlyArray<Lost> {
    return this.#tape.state.lost
  }

  /** Notes the event that was read last, in the order of revisions. */
  saw({ position, revision }: RecordedEvent): void {
    if (this.#last === undefined || revision > this.#last.revision) this.#last = { revision, position }
  }

  /**
   * Returns the losses that explain missing revisions, or the error if nobody has accepted one of them. Returns
   * `undefined` if they are missing for another reason. `isBetween`: events on both sides were read; else `last` is the
   * last event that there is.
   */
  explain(gap: Revisions, isBetween: boolean, last: RecordedEvent): ReadonlyArray<Lost> | EventsLost | undefined {
    if (this.#lost.length === 0) return undefined
    const losses =
      isBetween || last.revision >= gap[1]
        ? Losses.explaining(this.#lost, this.#stream, ...gap)
        : this.#following(gap, last)
    return losses.length === 0 ? undefined : (this.#refusal(losses) ?? losses)
  }

  /** Fails if events in the range `[from, end)` are lost, before the first event that there is. */
  checkStart(from: number, end: number): Effect.Effect<undefined, EventsLost> {
    if (from >= end) return Effect.succeed(undefined)
    return this.#pass(Losses.explaining(this.#lost, this.#stream, from, end))
  }

  /** Fails if events in the range `[from, end)` may be lost, after the last event that there is. */
  checkEnd(from: number, end: number): Effect.Effect<undefined, EventsLost | SegmentError> {
    if (from >= end || this.#lost.length === 0) return Effect.succeed(undefined)
    const last = this.#last
    if (last !== undefined) return this.#pass(this.#following([from, end], last))
    return Effect.flatMap(lastEvent(this.#lib, this.#tape, this.#stream), (found) =>
      this.#pass(
        found.revision >= from
          ? Losses.explaining(this.#lost, this.#stream, from, end)
          : this.#following([from, end], found)
      )
    )
  }

  #following([from, end]: Revisions, last: Losses.LastEvent): ReadonlyArray<Lost> {
    return Losses.afterEnd(this.#lost, this.#stream, last).filter((loss) => {
      const revisions = Losses.revisionsOf(loss, this.#stream)
      return typeof revisions !== "object" || (revisions[0] < end && revisions[1] > from)
    })
  }

  #pass(losses: ReadonlyArray<Lost>): Effect.Effect<undefined, EventsLost> {
    const refusal = this.#refusal(losses)
    return refusal === undefined ? Effect.succeed(undefined) : Effect.fail(refusal)
  }

  #refusal(losses: ReadonlyArray<Lost>): EventsLost | undefined {
    const loss = this.#allowed ? undefined : Losses.unaccepted(losses)
    return loss === undefined ? undefined : eventsLost(this.#tape.name, this.#stream, loss)
  }
}
