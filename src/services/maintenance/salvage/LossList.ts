/** Collects what a salvage loses, as tape meta will list it, and moves earlier losses to their new ordinals. */
import { hash53 } from "../../../domain/base/Hash53.ts"
import { unnamedAs } from "../../../domain/meta/Losses.ts"
import type { Lost, Role, Segment } from "../../../domain/meta/SystemRecord.ts"
import type { EventKey } from "../../../domain/segment/SegmentIndex.ts"
import type { LostStream } from "./LostStreams.ts"
import { isLost, type LostStretch, type Stretch } from "./Stretch.ts"

interface Draft {
  readonly ordinal: number
  readonly records: number | undefined
  readonly first: number
  /** Position after the loss; `undefined` until the next event is known. */
  end: number | undefined
  readonly segment: string
  readonly streams: ReadonlyArray<LostStream> | undefined
  /** Names that were seen, by hash; `undefined` for a hash that two streams share. */
  readonly names: ReadonlyMap<number, string | undefined>
}

export class LossList {
  readonly #role: Role
  readonly #old: ReadonlyArray<Lost>
  readonly #isAccepted: boolean
  readonly #time: string
  readonly #drafts: Array<Draft> = []
  /** Ranges of old ordinals whose records are kept, in order. */
  readonly #kept: Array<readonly [from: number, count: number]> = []
  #records = 0
  #lastPosition = -1
  #segment = ""
  #oldOrdinal = 0
  #wanted: ReadonlySet<number> = new Set()
  #names = new Map<number, string | undefined>()

  /** `old` are the losses that the tape had before. */
  constructor(options: {
    readonly role: Role
    readonly old: ReadonlyArray<Lost>
    readonly isAccepted: boolean
    readonly time: string
  }) {
    this.#role = options.role
    this.#old = options.old
    this.#isAccepted = options.isAccepted
    this.#time = options.time
  }

  /** Notes that records are kept, by the ordinal that the first of them had. */
  keep(ordinal: number, count: number): void {
    if (count > 0) this.#kept.push([ordinal, count])
    this.#records += count
  }

  /** Notes that events are kept which have these positions. */
  pass(first: number, last: number): void {
    for (const draft of this.#drafts) draft.end ??= first
    this.#lastPosition = last
  }

  /** Begins a damaged segment. */
  begin({ firstOrdinal, name }: Segment, stretches: ReadonlyArray<Stretch>): void {
    this.#segment = name
    this.#oldOrdinal = firstOrdinal
    this.#names = new Map()
    const lost = stretches.filter(isLost).flatMap(({ streams = [] }) => streams)
    this.#wanted = new Set(lost.map(({ hash }) => hash))
  }

  /** Takes the next stretch of the damaged segment. */
  take(stretch: Stretch): void {
    if (isLost(stretch)) this.#lose(stretch)
    else {
      this.keep(this.#oldOrdinal, stretch.records)
      this.#oldOrdinal += stretch.records
    }
  }

  #lose({ lost, positions, streams }: LostStretch): void {
    const [first, end] = positions ?? [this.#lastPosition + 1, undefined]
    const draft = { records: lost, first, end, segment: this.#segment, streams, names: this.#names }
    this.#drafts.push({ ...draft, ordinal: this.#records })
    this.#oldOrdinal += lost ?? 0
  }

  /** Notes the events of a good stretch. */
  see(keys: ReadonlyArray<EventKey>): void {
    const first = keys[0]
    if (first === undefined) return
    this.pass(first.position, keys.at(-1)!.position)
    if (this.#wanted.size === 0) return
    for (const { stream } of keys) {
      const hash = hash53(stream)
      if (!this.#wanted.has(hash)) continue
      const isOther = this.#names.has(hash) && this.#names.get(hash) !== stream
      this.#names.set(hash, isOther ? undefined : stream)
    }
  }

  /** Returns all losses in order. `position` is the next one of the lib. */
  all(position: number): ReadonlyArray<Lost> {
    const made = this.#drafts.map((draft) => this.#lost(draft, position))
    const moved = this.#old.map((lost) => ({ ...lost, ordinal: this.#moved(lost.ordinal) }))
    const placeOf = ({ positions }: Lost) => positions?.[0] ?? 0
    return [...moved, ...made].toSorted((a, b) => a.ordinal - b.ordinal || placeOf(a) - placeOf(b))
  }

  /** Returns the ordinal of the first kept record from an old ordinal on. */
  #moved(ordinal: number): number {
    return this.#kept.reduce((sum, [from, count]) => sum + Math.max(0, Math.min(count, ordinal - from)), 0)
  }

  #lost({ end, first, names, ordinal, records, segment, streams }: Draft, position: number): Lost {
    const named: Array<[string, number, number]> = []
    const unnamed: Array<[string, number, number]> = []
    for (const { count, first: revision, hash } of streams ?? []) {
      const name = names.get(hash)
      if (name === undefined) unnamed.push([unnamedAs(hash), revision, count])
      else named.push([name, revision, count])
    }
    return {
      ...(this.#isAccepted ? { accepted: true as const } : {}),
      ordinal,
      positions: this.#role === "events" ? [first, end ?? position] : null,
      records: records ?? null,
      segment,
      streams: streams === undefined ? null : named,
      time: this.#time,
      ...(unnamed.length === 0 ? {} : { unnamed })
    }
  }
}
