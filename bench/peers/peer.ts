/** What every peer offers to the workloads: one small interface, and what is said of it in the table. */
import type { OrderData } from "../workloads/orderEvent.ts"
import type { WorkloadId } from "../workloads/workloadId.ts"

/** An event to be appended. Its id and time are made by the store, or by what a user would write around it. */
export interface NewEvent {
  readonly type: string
  readonly data: OrderData
  readonly metadata: { readonly correlationId: string }
}

/** An event and the stream that it is for. */
export interface Addressed {
  readonly stream: string
  readonly event: NewEvent
}

/** An event that was read: an object with its data, an `OrderData`, parsed. Peers give back more than this. */
export interface StoredEvent {
  readonly data: unknown
}

type Awaitable<A> = A | Promise<A>

/** A store that is open. Unless the peer is labelled otherwise, what an append has returned survives power loss. */
export interface Store {
  /** Appends one event at the end of its stream. */
  readonly append: (stream: string, event: NewEvent) => Awaitable<void>
  /** Appends many events as one atomic batch, where the peer has such a thing. */
  readonly appendBatch: (batch: ReadonlyArray<Addressed>) => Awaitable<void>
  /** Appends one event if the stream's last revision is `expected`; −1: if it has no event. Fails otherwise. */
  readonly appendExpected?: (stream: string, event: NewEvent, expected: number) => Awaitable<void>
  /** All events of one stream, in order, parsed. */
  readonly readStream?: (stream: string) => Awaitable<ReadonlyArray<StoredEvent>>
  /** The last event of one stream. */
  readonly readLast: (stream: string) => Awaitable<StoredEvent | undefined>
  /** All events in the order of the store, parsed, without holding them all. */
  readonly replay: (visit: (event: StoredEvent) => void) => Awaitable<void>
  /**
   * Runs `count` writers at once in the peer's own way. Each asks `next` for an event, appends it, and says so; it ends
   * when there is none. Left out, each is an async function.
   */
  readonly writers?: (
    count: number,
    next: (writer: number) => Addressed | undefined,
    acknowledged: (writer: number) => void
  ) => Promise<void>
  /** Checks everything that the peer can check; `files` only that the files are what they should be. */
  readonly verify?: (depth: "files" | "records") => Awaitable<void>
  /** Puts what is stored into its smallest or cleanest form. */
  readonly repack?: () => Awaitable<void>
  readonly close: () => Awaitable<void>
}

/** A module in this folder: opens or makes the store in an empty or earlier used folder. */
export interface PeerModule {
  readonly open: (folder: string, setting?: string) => Promise<Store>
}

/** A peer, or one setting of it. */
export interface Peer {
  readonly name: string
  /** What the module is told about how to open. */
  readonly setting?: string
  /** An acknowledged append survives power loss. Only such peers count as the best peer. */
  readonly durable: boolean
  /** Ours: measured, and never a peer of itself. */
  readonly ours: boolean
  /** How it was configured, and what its acknowledgement means. */
  readonly label: string
  readonly workloads: ReadonlyArray<WorkloadId>
  /** The peer whose W3 store this one reads; its own unless given. */
  readonly readsStoreOf?: string
  readonly load: () => Promise<PeerModule>
}
