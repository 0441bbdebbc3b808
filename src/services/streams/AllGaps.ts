/** Decides, for one read of all streams, where lost events keep it from continuing, and which gaps they explain. */
import type { EventsLost } from "../../domain/event/EventErrors.ts"
import type { Lost } from "../../domain/meta/SystemRecord.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { eventsLost } from "./eventsLost.ts"

interface Range {
  readonly from: number
  readonly to: number
  readonly backward: boolean
  /** Whether the caller accepts gaps. */
  readonly allowed: boolean
}

export class AllGaps {
  readonly #backward: boolean
  /** The first loss that the read meets and that nobody has accepted. */
  readonly #barrier: { readonly tape: string; readonly lost: Lost } | undefined
  /** Positions of accepted losses. */
  readonly #accepted: ReadonlyArray<readonly [first: number, end: number]>
  /** Position at which the read must stop: no event at it, or beyond it, may be returned. */
  readonly bound: number

  constructor(tapes: ReadonlyArray<OpenTape>, { allowed, backward, from, to }: Range) {
    const met = tapes.flatMap((tape) =>
      tape.state.lost.flatMap((lost) => {
        const [first, end] = lost.positions ?? [0, 0]
        return first < to && end > from && first < end ? [{ tape: tape.name, lost, first, end }] : []
      })
    )
    const open = allowed ? [] : met.filter(({ lost }) => lost.accepted !== true)
    // Positions of other tapes may lie within those of a loss, so the nearer edge counts.
    const nearest = open.toSorted((a, b) => (backward ? b.end - a.end : a.first - b.first))[0]
    this.#backward = backward
    this.#barrier = nearest
    this.#accepted = met.filter(({ lost }) => lost.accepted === true).map(({ end, first }) => [first, end] as const)
    this.bound = nearest === undefined ? (backward ? -1 : Number.POSITIVE_INFINITY) : edge(nearest, backward)
  }

  /** Whether the read has to stop before its end. */
  get hasBarrier(): boolean {
    return this.#barrier !== undefined
  }

  /** Whether the event at this position, the next one, lies beyond the barrier. */
  bars(position: number | undefined): boolean {
    if (position === undefined || this.#barrier === undefined) return false
    return this.#backward ? position <= this.bound : position >= this.bound
  }

  /** Returns the error if the read must stop before the event at this position, or before the end. */
  error(position: number | undefined): EventsLost | undefined {
    if (this.#barrier === undefined || !(position === undefined || this.bars(position))) return undefined
    return eventsLost(this.#barrier.tape, null, this.#barrier.lost)
  }

  /** Whether accepted losses explain that all positions from `from` up to, but not including, `to` are missing. */
  covers(from: number, to: number): boolean {
    const [low, high] = this.#backward ? [to + 1, from + 1] : [from, to]
    let next = low
    while (next < high) {
      const end = Math.max(...this.#accepted.filter(([first]) => first <= next).map(([, behind]) => behind))
      if (!(end > next)) return false
      next = end
    }
    return true
  }
}

const edge = ({ end, first }: { readonly first: number; readonly end: number }, backward: boolean): number =>
  backward ? end - 1 : first
