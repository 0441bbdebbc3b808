/** The interface that W9 measures: events with tags, queries, and appends on condition of a query. */

/** An event to append. Its stream counts only for stores that have streams. */
export interface TaggedEvent {
  readonly type: string
  readonly stream: string
  readonly tags: ReadonlyArray<string>
  readonly data: object
}

/** Events of this type with all of these tags. */
export interface Wanted {
  readonly type: string
  readonly tags: ReadonlyArray<string>
}

type Awaitable<A> = A | Promise<A>

/** An open store. `after` is what a query of the same store returned: up to where it looked. */
export interface BoundaryStore {
  readonly load: (events: ReadonlyArray<TaggedEvent>) => Awaitable<unknown>
  readonly append: (event: TaggedEvent) => Awaitable<unknown>
  /** Fails if an event after `after` matches. */
  readonly appendIf: (event: TaggedEvent, wanted: Wanted, after: unknown) => Awaitable<unknown>
  readonly query: (wanted: Wanted) => Awaitable<{ readonly count: number; readonly after: unknown }>
  /** Returns the number of events of a stream, after parsing them. */
  readonly readStream?: (stream: string) => Awaitable<number>
  readonly close: () => Awaitable<void>
}

/** A store, and what its acknowledgement means. */
export interface BoundaryPeer {
  readonly name: string
  readonly label: string
  readonly open: (folder: string) => Promise<BoundaryStore>
}
