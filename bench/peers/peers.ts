/** Everything that is measured, and its configuration. */
import type { WorkloadId } from "../workloads/workloadId.ts"
import type { Peer } from "./peer.ts"

const appending: ReadonlyArray<WorkloadId> = ["W1", "W1 expected", "W2"]
const commanding: ReadonlyArray<WorkloadId> = ["W8 one", "W8 hot", "W8 long", "W8 cold"]
const reading: ReadonlyArray<WorkloadId> = ["W4", "W5", "W6", "W6 cold"]
const core: ReadonlyArray<WorkloadId> = [...appending, "W3", "W3 adjacent", ...reading, ...commanding]
const litetapes = { durable: true, ours: true }
const durable = { durable: true, ours: false }
const notDurable = { durable: false, ours: false }

export const peers: ReadonlyArray<Peer> = [
  {
    ...litetapes,
    name: "litetapes",
    label: "the event store, with Effect; one fdatasync per commit",
    workloads: [...core, "W7 files", "W7 verify", "W7 repack"],
    load: () => import("./litetapes.ts")
  },
  {
    ...litetapes,
    name: "litetapes (cached)",
    setting: "cached",
    label: "a decider that keeps the states of its aggregates in memory; that of `litetapes` keeps none",
    workloads: commanding,
    load: () => import("./litetapes.ts")
  },
  {
    ...litetapes,
    name: "litetapes (promises)",
    label: "the event store through PromiseStore",
    workloads: [...appending, "W4", "W5"],
    readsStoreOf: "litetapes",
    load: () => import("./litetapesPromises.ts")
  },
  {
    ...litetapes,
    name: "litetapes (tape)",
    label: "one raw tape, without streams",
    workloads: ["W1", "W2", "W3", "W4", "W6", "W6 cold", "W7 files", "W7 verify", "W7 repack"],
    load: () => import("./litetapesTape.ts")
  },
  {
    ...durable,
    name: "node:sqlite",
    label: "WAL, synchronous=FULL, one transaction per append",
    workloads: [...core, "W7 verify", "W7 repack"],
    load: () => import("./nodeSqlite.ts")
  },
  {
    ...durable,
    name: "node:sqlite (batched)",
    setting: "batched",
    label: "WAL, synchronous=FULL, with a group commit around it",
    workloads: ["W2"],
    load: () => import("./nodeSqlite.ts")
  },
  {
    ...notDurable,
    name: "node:sqlite (NORMAL)",
    setting: "NORMAL",
    label: "WAL, synchronous=NORMAL: commits are not synced, a power loss takes the last ones",
    workloads: ["W1", "W2", "W3"],
    load: () => import("./nodeSqlite.ts")
  },
  {
    ...durable,
    name: "better-sqlite3",
    label: "WAL, synchronous=FULL, one transaction per append",
    workloads: core,
    load: () => import("./betterSqlite3.ts")
  },
  {
    ...durable,
    name: "better-sqlite3 (batched)",
    setting: "batched",
    label: "WAL, synchronous=FULL, with a group commit around it",
    workloads: ["W2"],
    load: () => import("./betterSqlite3.ts")
  },
  {
    ...notDurable,
    name: "better-sqlite3 (NORMAL)",
    setting: "NORMAL",
    label: "WAL, synchronous=NORMAL: commits are not synced, a power loss takes the last ones",
    workloads: ["W1", "W2", "W3"],
    load: () => import("./betterSqlite3.ts")
  },
  {
    ...durable,
    name: "emmett-sqlite",
    label: "WAL, synchronous=FULL, one connection, appends are queued; a batch is withTransaction around appends",
    workloads: core,
    load: () => import("./emmettSqlite.ts")
  },
  {
    ...notDurable,
    name: "emmett-sqlite (unqueued)",
    setting: "unqueued",
    label: "one connection, concurrent appends: acknowledged before COMMIT, a killed process loses them",
    workloads: ["W2"],
    load: () => import("./emmettSqlite.ts")
  },
  {
    ...durable,
    name: "classic-level",
    label: "sync: true, one batch per append",
    workloads: [...core, "W7 repack"],
    load: () => import("./classicLevel.ts")
  },
  {
    ...durable,
    name: "classic-level (batched)",
    setting: "batched",
    label: "sync: true, with a group commit around it",
    workloads: ["W2"],
    load: () => import("./classicLevel.ts")
  },
  {
    ...durable,
    name: "lmdb",
    label: "MessagePack, one transaction per append, awaits flushed; LMDB groups them",
    workloads: core,
    load: () => import("./lmdb.ts")
  },
  {
    ...durable,
    name: "event-storage (sync)",
    setting: "sync",
    label:
      "syncOnFlush: the file of each stream is synced, the folder of a new file is not; a batch is atomic within one stream only",
    workloads: core,
    load: () => import("./eventStorage.ts")
  },
  {
    ...notDurable,
    name: "event-storage (default)",
    label: "never synced: acknowledged once the operating system has it",
    workloads: core,
    load: () => import("./eventStorage.ts")
  }
]
