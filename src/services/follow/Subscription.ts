/**
 * Subscriptions: the events of a lib, or of one stream, from some point on, followed by those that are appended later.
 * A subscription is pulled: a slow one delays nobody, and needs no memory for what it has not read.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { LibClosed, ReaderBusy } from "../../domain/format/Errors.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { NotInHistory } from "../../domain/event/EventErrors.ts"
import { aFlag, type Checks, isCount, nested } from "../../domain/format/checkOptions.ts"
import { containsPlace, type Place } from "../../domain/meta/LibHistory.ts"
import { checkOptions } from "../base/checkCall.ts"
import { type Access, withSession } from "../lib/Access.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenError } from "../lib/OpenError.ts"
import { type AllReadError, readAll } from "../streams/AllReader.ts"
import { type EventFilter, filterChecks } from "../streams/EventFilter.ts"
import { beginning, isPlace } from "./beginning.ts"
import { followerOf } from "./ReaderFollower.ts"
import { type FollowError, following, sessionWith, type Source, sourceOf } from "./waitForNews.ts"

/** Where a subscription begins, and which events it wants. */
export interface SubscribeOptions {
  /**
   * `start` (the default): the first event. `end`: the next event that is appended. `after`: the event after this
   * position; a `Place` is checked against the history of the lib.
   */
  readonly from?: "start" | "end" | { readonly after: number | Place }
  /** Events to return. Default: all. */
  readonly filter?: EventFilter
  /** Whether to continue where events are lost, as in `readAll`. Default: false. */
  readonly allowGaps?: boolean
}

const subscribeChecks = {
  from: beginning((after) => isCount(after) || isPlace(after), "a position, or a Place"),
  filter: nested(filterChecks),
  allowGaps: aFlag
} satisfies Checks<SubscribeOptions>

/** Why a subscription ends. It never ends without an error. */
export type SubscribeError = AllReadError | FollowError | NotInHistory

/** Events of a subscription that were read together, and how far it is. */
export interface SubscriptionBatch {
  /** Events that match, in order. May be empty. */
  readonly events: ReadonlyArray<RecordedEvent>
  /**
   * Position of the next event to read: all events before it are in this batch or an earlier one, or do not match the
   * filter.
   */
  readonly next: number
  /**
   * Position after the last event of the lib when this batch was read. The subscription has caught up if it equals
   * `next`; else `end - next` events are still to come.
   */
  readonly end: number
  /**
   * How later events are noticed: by `commits` in the writer's process; in a reader by a `watch` on the folder, or, if
   * that does not work, by the check every 100 ms (`interval`). Without a hint of this boot, such as in a backup or on
   * a system that exposes no boot id, the reader refreshes completely about once a second, and shows what is on the
   * disk.
   */
  readonly source: Source
}

/** Positions that one read covers at most, so that `next` moves also where few events match. */
const positionsMax = 65_536

/** Streams the events by position in batches, with what is known of the end. */
export const subscribe = (
  access: Access,
  options: SubscribeOptions = {},
  call = "EventStore.subscribeBatches"
): Stream.Stream<SubscriptionBatch, SubscribeError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* checkOptions(call, options, subscribeChecks)
      const from = yield* startOf(access, options.from ?? "start")
      yield* following(access)
      return new Subscription(access, from, options).stream
    })
  )

/** Returns the position that a subscription begins at. */
const startOf = (
  access: Access,
  from: NonNullable<SubscribeOptions["from"]>
): Effect.Effect<number, NotInHistory | OpenError | ReaderBusy | LibClosed> =>
  from === "start"
    ? Effect.succeed(0)
    : withSession(access, ({ handle }) =>
        Effect.flatMap(upToDate(handle), () => {
          const { location, journal, meta } = handle
          const { position } = journal.durable
          if (from === "end") return Effect.succeed(position)
          const { after } = from
          const last = typeof after === "object" ? after.position : after
          if (typeof after === "object" ? containsPlace(meta.state, position, after) : last < position)
            return Effect.succeed(last + 1)
          const why =
            typeof after === "object"
              ? `it was noted in another history than that of lib ${meta.state.lib}`
              : `its next event gets position ${position}`
          return Effect.fail(new NotInHistory({ location, after: last, why }))
        })
      )

/** A reader looks first: its view may be older than the place. */
const upToDate = (handle: LibHandle): Effect.Effect<void, OpenError | ReaderBusy | LibClosed> =>
  Effect.andThen(handle.guard.checkOpen, handle.root.mode === "read" ? followerOf(handle).look : Effect.void)

interface Range {
  readonly handle: LibHandle
  readonly to: number
  readonly end: number
}

class Subscription {
  readonly #access: Access
  readonly #options: SubscribeOptions
  #next: number
  /** Whether anything was returned: the first batch comes at once, even if it is empty. */
  #hasBegun = false

  constructor(access: Access, from: number, options: SubscribeOptions) {
    this.#access = access
    this.#options = options
    this.#next = from
  }

  get stream(): Stream.Stream<SubscriptionBatch, SubscribeError> {
    const ranges = Stream.paginate(undefined, () =>
      Effect.map(this.#range, (range) => [[range], Option.some(undefined)] as const)
    )
    return Stream.flatMap(ranges, (range) => this.#read(range))
  }

  readonly #range: Effect.Effect<Range, FollowError> = Effect.suspend(() =>
    Effect.map(
      sessionWith(this.#access, ({ journal }) => !this.#hasBegun || journal.durable.position > this.#next),
      (handle) => {
        const end = handle.journal.durable.position
        return { handle, to: Math.min(end, this.#next + positionsMax), end }
      }
    )
  )

  #read({ end, handle, to }: Range): Stream.Stream<SubscriptionBatch, SubscribeError> {
    const { allowGaps = false, filter } = this.#options
    const batch = (events: ReadonlyArray<RecordedEvent>, next: number): SubscriptionBatch => {
      this.#hasBegun = true
      this.#next = next
      return { events, next, end, source: sourceOf(handle) }
    }
    const given =
      filter === undefined ? { from: this.#next, to, allowGaps } : { from: this.#next, to, allowGaps, filter }
    const pages = Stream.mapArray(
      readAll(handle, given),
      (events) => [batch(events, events.at(-1)!.position + 1)] as const
    )
    const rest = Stream.suspend(() =>
      this.#next < to || !this.#hasBegun ? Stream.succeed(batch([], Math.max(to, this.#next))) : Stream.empty
    )
    return Stream.concat(pages, rest).pipe(
      // The lib is opened again meanwhile: the next range continues where this one ended.
      Stream.catchTag("LibClosed", (error) => (this.#continues(handle) ? Stream.empty : Stream.fail(error)))
    )
  }

  #continues(handle: LibHandle): boolean {
    const { attempt, current, reopensItself } = this.#access
    return attempt !== undefined || current.handle !== handle || reopensItself
  }
}
