/** Subscriptions to one stream: its events from some revision on, followed by those that are appended later. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { aFlag, type Checks, isCount } from "../../domain/format/checkOptions.ts"
import { NotInHistory } from "../../domain/event/EventErrors.ts"
import { checkStreamName, type InvalidStreamName, tapeOf } from "../../domain/format/Placement.ts"
import { attempt } from "../base/attempt.ts"
import { checkOptions } from "../base/checkCall.ts"
import { type Access, streamOfSession } from "../lib/Access.ts"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { readStream, type StreamReadError } from "../streams/StreamReader.ts"
import { type FollowError, following, sessionWith } from "./waitForNews.ts"
import { followerOf } from "./ReaderFollower.ts"
import { beginning } from "./beginning.ts"

/** Where a subscription to a stream begins. */
export interface SubscribeToStreamOptions {
  /**
   * `start` (the default): the first event. `end`: the next event that is appended to the stream. `after`: the event
   * after this revision.
   */
  readonly from?: "start" | "end" | { readonly after: number }
  /** Whether to continue where events are lost, as in `read`. Default: false. */
  readonly allowGaps?: boolean
}

const subscribeToStreamChecks = {
  from: beginning(isCount, "a revision"),
  allowGaps: aFlag
} satisfies Checks<SubscribeToStreamOptions>

/** Why a subscription to a stream ends. It never ends without an error. */
export type SubscribeToStreamError = StreamReadError | FollowError | NotInHistory

/** Streams the events of one stream. The stream need not exist yet. */
export const subscribeToStream = (
  access: Access,
  stream: string,
  options: SubscribeToStreamOptions = {}
): Stream.Stream<RecordedEvent, SubscribeToStreamError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* checkOptions("EventStore.subscribeToStream", options, subscribeToStreamChecks)
      yield* attempt<string, InvalidStreamName>(() => checkStreamName(stream))
      const from = yield* startOf(access, stream, options)
      yield* following(access)
      return new StreamSubscription(access, stream, from, options.allowGaps === true).stream
    })
  )

/** Returns the revision that a subscription begins at. */
const startOf = (
  access: Access,
  stream: string,
  { allowGaps = false, from = "start" }: SubscribeToStreamOptions
): Effect.Effect<number, SubscribeToStreamError> => {
  if (from === "start") return Effect.succeed(0)
  const { handle } = access.current
  const look = handle.root.mode === "read" ? followerOf(handle).look : Effect.void
  const last = Stream.runHead(
    streamOfSession(access, (session) =>
      readStream(session.handle, stream, { direction: "backward", limit: 1, allowGaps })
    )
  )
  return Effect.flatMap(Effect.andThen(look, last), (event) => {
    const revision = Option.isSome(event) ? event.value.revision : -1
    if (from === "end") return Effect.succeed(revision + 1)
    if (from.after <= revision) return Effect.succeed(from.after + 1)
    const why = revision === -1 ? "the stream has no events" : `the last revision of the stream is ${revision}`
    return Effect.fail(new NotInHistory({ location: `stream ${JSON.stringify(stream)}`, after: from.after, why }))
  })
}

class StreamSubscription {
  readonly #access: Access
  readonly #name: string
  readonly #allowGaps: boolean
  #next: number
  /** What the last read saw; `undefined` before the first one. */
  #seen: { readonly handle: LibHandle; readonly oldest: DynamicFile | undefined; readonly records: number } | undefined

  constructor(access: Access, name: string, from: number, allowGaps: boolean) {
    this.#access = access
    this.#name = name
    this.#next = from
    this.#allowGaps = allowGaps
  }

  get stream(): Stream.Stream<RecordedEvent, SubscribeToStreamError> {
    const reads = Stream.paginate(undefined, () =>
      Effect.map(
        sessionWith(this.#access, (handle) => this.#mayHaveMore(handle)),
        (handle) => [[handle], Option.some(undefined)] as const
      )
    )
    return Stream.flatMap(reads, (handle) => this.#read(handle))
  }

  #read(handle: LibHandle): Stream.Stream<RecordedEvent, StreamReadError> {
    this.#seen = { handle, oldest: handle.journal.files[0], records: this.#recordsOf(handle) }
    const events = readStream(handle, this.#name, { from: this.#next, allowGaps: this.#allowGaps })
    return Stream.mapArray(events, (page) => {
      this.#next = page.at(-1)!.revision + 1
      return page
    }).pipe(
      // The lib is opened again meanwhile: the next read continues where this one ended.
      Stream.catchTag("LibClosed", (error) => {
        const { attempt, current, reopensItself } = this.#access
        return attempt !== undefined || current.handle !== handle || reopensItself ? Stream.empty : Stream.fail(error)
      })
    )
  }

  /** Whether a read may find more than the last one. Asked after every batch, so it looks at memory only. */
  #mayHaveMore(handle: LibHandle): boolean {
    const seen = this.#seen
    if (seen === undefined || seen.handle !== handle) return true
    if (this.#recordsOf(handle) === seen.records) return false
    const { files } = handle.journal
    // No batch since then has left the dynamic segments, so one of them knows the stream's last event.
    const areAllHere =
      seen.oldest !== undefined &&
      files[0] === seen.oldest &&
      files.every((file) => file.events !== undefined || !file.hasBatches)
    return !areAllHere || files.some(({ events }) => (events?.lastRevision(this.#name) ?? -1) >= this.#next)
  }

  /** Number of records of the stream's tape that can be seen. */
  #recordsOf({ meta, tapes }: LibHandle): number {
    return tapes.known(tapeOf(meta.state.placement, this.#name))?.records ?? 0
  }
}
