/** The workloads W1 to W8, their sizes, and the fields of a measurement. */
import type { Peer } from "../peers/peer.ts"
import type { WorkloadId } from "./workloadId.ts"

export interface Workload {
  readonly id: WorkloadId
  readonly what: string
  /** Its title in the chart. */
  readonly short: string
  /** The physical limit that it is compared with, see `bench/limits.ts`. */
  readonly limit?: string
  /** The starting point: an empty folder, or the store of W3, which is kept for this. */
  readonly begins: "empty" | "W3"
  /** The compared figure: operations or MB a second, or the median time of one operation, for which less is better. */
  readonly figure: "opsPerSec" | "p50us" | "mbPerSec"
  /** The unit of one operation. */
  readonly unit: string
}

export const workloads: ReadonlyArray<Workload> = [
  {
    id: "W1",
    what: "one writer, one event per append, waits for each acknowledgement",
    short: "one writer",
    limit: "stringify, append, fdatasync for each event",
    begins: "empty",
    figure: "opsPerSec",
    unit: "events"
  },
  {
    id: "W1 expected",
    what: "the same, with an expected revision",
    short: "one writer, expected revision",
    begins: "empty",
    figure: "opsPerSec",
    unit: "events"
  },
  {
    id: "W2",
    what: "256 writers on 256 streams, each waits for its own acknowledgement",
    short: "256 writers",
    limit: "stringify, one write, fdatasync for each 256 events",
    begins: "empty",
    figure: "opsPerSec",
    unit: "events"
  },
  {
    id: "W3",
    what: "bulk load in batches of 1,000; adjacent events are in different streams",
    short: "bulk load",
    limit: "stringify, one write, fdatasync for each 1,000 events",
    begins: "empty",
    figure: "opsPerSec",
    unit: "events"
  },
  {
    id: "W3 adjacent",
    what: "the same, with 100 adjacent events of each stream",
    short: "bulk load, adjacent events",
    limit: "stringify, one write, fdatasync for each 1,000 events",
    begins: "empty",
    figure: "opsPerSec",
    unit: "events"
  },
  {
    id: "W4",
    what: "replay all events of W3 in order, as JS objects",
    short: "replay everything",
    limit: "read, split, JSON.parse of the same lines",
    begins: "W3",
    figure: "opsPerSec",
    unit: "events"
  },
  {
    id: "W5",
    what: "read random streams of W3, 100 events each, parsed",
    short: "read a stream of 100 events",
    limit: "pread and JSON.parse of each line at its known offset",
    begins: "W3",
    figure: "p50us",
    unit: "streams"
  },
  {
    id: "W6",
    what: "open the store of W3 in a new process and read the last event of one stream",
    short: "open, read one event",
    limit: "open a file of lines, read and parse the last",
    begins: "W3",
    figure: "p50us",
    unit: "opens"
  },
  {
    id: "W6 cold",
    what: "the same with an empty page cache",
    short: "open cold, read one event",
    limit: "open a file of lines, read and parse the last",
    begins: "W3",
    figure: "p50us",
    unit: "opens"
  },
  {
    id: "W7 files",
    what: "verify that every file is the one that meta names",
    short: "verify files",
    limit: "read and SHA-256 of the same bytes",
    begins: "W3",
    figure: "mbPerSec",
    unit: "events"
  },
  {
    id: "W7 verify",
    what: "verify everything (SQLite: integrity_check)",
    short: "verify everything",
    limit: "read and SHA-256 of each line",
    begins: "W3",
    figure: "mbPerSec",
    unit: "events"
  },
  {
    id: "W7 repack",
    what: "repack everything with zstd (SQLite: VACUUM, LevelDB: compactRange)",
    short: "repack",
    limit: "read, zstd level 1, write and fdatasync of the same bytes",
    begins: "W3",
    figure: "mbPerSec",
    unit: "events"
  },
  {
    id: "W8 one",
    what: "commands: load one of 1,000 aggregates of 10 events, fold, decide, append at the revision read; one worker",
    short: "commands, one worker",
    begins: "empty",
    figure: "p50us",
    unit: "commands"
  },
  {
    id: "W8 hot",
    what: "the same with 64 workers",
    short: "commands, 64 workers",
    begins: "empty",
    figure: "opsPerSec",
    unit: "commands"
  },
  {
    id: "W8 long",
    what: "the same with 64 workers and 100 events in each aggregate",
    short: "commands, long streams",
    begins: "empty",
    figure: "opsPerSec",
    unit: "commands"
  },
  {
    id: "W8 cold",
    what: "the same with 64 workers and 100,000 aggregates of 10 events, each commanded once",
    short: "commands, cold aggregates",
    begins: "empty",
    figure: "opsPerSec",
    unit: "commands"
  }
]

export const workload = (id: WorkloadId): Workload => workloads.find((one) => one.id === id)!

export interface Size {
  /** Events and streams of W3: 100 events to a stream. */
  readonly events: number
  readonly streams: number
  readonly batch: number
  readonly writers: number
  /** Duration of the measurement of W1 and W2, and of the warm-up before it. */
  readonly appendMillis: number
  readonly warmupMillis: number
  /** Number of streams that W5 reads. */
  readonly reads: number
  /** Number of processes of W6 in each round. */
  readonly opens: number
  /** A bulk load stops after this time. The later workloads then have the events that were loaded. */
  readonly bulkMillisMax: number
  /** Number of aggregates of W8 that are commanded again and again, or once; and of the workers that do. */
  readonly hot: number
  readonly cold: number
  readonly commanders: number
}

export const fullSize: Size = {
  events: 1_000_000,
  streams: 10_000,
  batch: 1000,
  writers: 256,
  appendMillis: 5000,
  warmupMillis: 500,
  reads: 2000,
  opens: 3,
  bulkMillisMax: 240_000,
  hot: 1000,
  cold: 100_000,
  commanders: 64
}

export const quickSize: Size = {
  ...fullSize,
  events: 10_000,
  streams: 100,
  appendMillis: 300,
  warmupMillis: 150,
  reads: 100,
  opens: 1,
  bulkMillisMax: 2000,
  hot: 128,
  cold: 6400
}

/** One workload on one peer, for its own process. */
export interface Job {
  readonly workload: WorkloadId
  /** The name of a peer, or `limit`. */
  readonly peer: Peer["name"]
  readonly folder: string
  readonly size: Size
  /** Number of events that W3 loaded into the folder. */
  readonly loaded: number
}

/** The result of one process. */
export interface Measurement {
  /** Number of events that were appended, read or processed. */
  readonly events: number
  readonly opsPerSec: number
  /** Time of one operation; in W3 of one batch. */
  readonly p50us?: number
  readonly p99us?: number
  readonly p999us?: number
  readonly mbPerSec?: number
  /** Bytes on the disk after the store was closed, for each event. */
  readonly bytesPerEvent?: number
  /** Peak memory of the process. */
  readonly rssMB: number
  /** Share of all cores that other processes used meanwhile, 0 to 1. */
  readonly elsewhere?: number
}

export type Measured = Omit<Measurement, "rssMB" | "elsewhere">
