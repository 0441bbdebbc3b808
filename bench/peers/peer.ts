/** The interface that every peer implements for the workloads, and its description in the table. */
import type { OrderData } from "../workloads/orderEvent.ts"
import type { WorkloadId } from "../workloads/workloadId.ts"

/** An event to append. The store makes its id and time, or the code that a user would write around the store. */
export interface NewEvent {
  readonly type: string
  readonly data: OrderData
  readonly metadata: { readonly correlationId: string }
}

/** An event and its stream. */
export interface Addressed {
  readonly stream: string
  readonly event: NewEvent
}

/** An event that was read: an object whose `data` is a parsed `OrderData`. Peers return more fields than this. */
export interface StoredEvent {
  readonly data: unknown
}

type Awaitable<A> = A | Promise<A>

/** An open store. An acknowledged append survives a power loss, unless the label of the peer says otherwise. */
export interface Store {
  /** Appends one event at the end of its stream. */
  readonly append: (stream: string, event: NewEvent) => Awaitable<void>
  /** Appends many events, as one atomic batch if the peer supports that. */
  readonly appendBatch: (batch: ReadonlyArray<Addressed>) => Awaitable<void>
  /**
   * Appends one event if the last revision of the stream is `expected` (−1: the stream has no events). Fails otherwise.
   */
  readonly appendExpected?: (stream: string, event: NewEvent, expected: number) => Awaitable<void>
  /** Returns all events of one stream, in order, parsed. */
  readonly readStream?: (stream: string) => Awaitable<ReadonlyArray<StoredEvent>>
  /** Returns the last event of one stream. */
  readonly readLast: (stream: string) => Awaitable<StoredEvent | undefined>
  /** Visits all events in the order of the store, parsed, without keeping them all in memory. */
  readonly replay: (visit: (event: StoredEvent) => void) => Awaitable<void>
  /**
   * Runs `count` writers at the same time, in the peer's own way. Each writer gets an event from `next`, appends it,
   * and calls `acknowledged`. It ends when `next` returns `undefined`. Default: each writer is an async function.
   */
  readonly writers?: (
    count: number,
    next: (writer: number) => Addressed | undefined,
    acknowledged: (writer: number) => void
  ) => Promise<void>
  /**
   * Does the same for commands: each loads the stream of the event, folds it, decides, and appends the event at the
   * revision that it read. Default: `readStream` and `appendExpected`.
   */
  readonly commanders?: NonNullable<Store["writers"]>
  /** Checks everything that the peer can check. With `files` it checks only that the files are intact. */
  readonly verify?: (depth: "files" | "records") => Awaitable<void>
  /** Rewrites the stored data into its smallest or cleanest form. */
  readonly repack?: () => Awaitable<void>
  readonly close: () => Awaitable<void>
}

/** A module in this folder. `open` creates the store in an empty folder, or opens the one that is there. */
export interface PeerModule {
  readonly open: (folder: string, setting?: string) => Promise<Store>
}

/** A peer, or one setting of it. */
export interface Peer {
  readonly name: string
  /** Passed to `open`. */
  readonly setting?: string
  /** Whether an acknowledged append survives a power loss. Only durable peers count as the best peer. */
  readonly durable: boolean
  /** Whether it is litetapes, which is measured but never counts as the best peer. */
  readonly ours: boolean
  /** The configuration of the peer, and what its acknowledgement means. */
  readonly label: string
  readonly workloads: ReadonlyArray<WorkloadId>
  /** The peer whose W3 store this one reads. Default: its own. */
  readonly readsStoreOf?: string
  readonly load: () => Promise<PeerModule>
}
