/** Everything that is measured, and how it was configured. */
import type { WorkloadId } from "../workloads/workloadId.ts"
import type { Peer } from "./peer.ts"

const appending: ReadonlyArray<WorkloadId> = ["W1", "W1 expected", "W2"]
const reading: ReadonlyArray<WorkloadId> = ["W4", "W5", "W6", "W6 cold"]
const core: ReadonlyArray<WorkloadId> = [...appending, "W3", "W3 adjacent", ...reading]
const litetapes = { durable: true, ours: true }
const durable = { durable: true, ours: false }
const notDurable = { durable: false, ours: false }

export const peers: ReadonlyArray<Peer> = [
  {
    ...litetapes,
    name: "litetapes",
    label: "the event store, on Effect; one fdatasync a commit",
    workloads: [...core, "W7 files", "W7 verify", "W7 repack"],
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
    label: "WAL, synchronous=FULL, a transaction for each append",
    workloads: [...core, "W7 verify", "W7 repack"],
    load: () => import("./nodeSqlite.ts")
  },
  {
    ...durable,
    name: "node:sqlite (batched)",
    setting: "batched",
    label: "WAL, synchronous=FULL, a group commit written around it",
    workloads: ["W2"],
    load: () => import("./nodeSqlite.ts")
  },
  {
    ...notDurable,
    name: "node:sqlite (NORMAL)",
    setting: "NORMAL",
    label: "WAL, synchronous=NORMAL: commits are not synced, power loss takes the last ones",
    workloads: ["W1", "W2", "W3"],
    load: () => import("./nodeSqlite.ts")
  },
  {
    ...durable,
    name: "better-sqlite3",
    label: "WAL, synchronous=FULL, a transaction for each append",
    workloads: core,
    load: () => import("./betterSqlite3.ts")
  },
  {
    ...durable,
    name: "better-sqlite3 (batched)",
    setting: "batched",
    label: "WAL, synchronous=FULL, a group commit written around it",
    workloads: ["W2"],
    load: () => import("./betterSqlite3.ts")
  },
  {
    ...notDurable,
    name: "better-sqlite3 (NORMAL)",
    setting: "NORMAL",
    label: "WAL, synchronous=NORMAL: commits are not synced, power loss takes the last ones",
    workloads: ["W1", "W2", "W3"],
    load: () => import("./betterSqlite3.ts")
  },
  {
    ...durable,
    name: "emmett-sqlite",
    label:
      "WAL, synchronous=FULL, one connection, appends wait for their turn; a batch is withTransaction around appends",
    workloads: core,
    load: () => import("./emmettSqlite.ts")
  },
  {
    ...notDurable,
    name: "emmett-sqlite (unqueued)",
    setting: "unqueued",
    label: "one connection, appends at the same time: acknowledged before COMMIT, a killed process loses them",
    workloads: ["W2"],
    load: () => import("./emmettSqlite.ts")
  },
  {
    ...durable,
    name: "classic-level",
    label: "sync: true, a batch for each append",
    workloads: [...core, "W7 repack"],
    load: () => import("./classicLevel.ts")
  },
  {
    ...durable,
    name: "classic-level (batched)",
    setting: "batched",
    label: "sync: true, a group commit written around it",
    workloads: ["W2"],
    load: () => import("./classicLevel.ts")
  },
  {
    ...durable,
    name: "lmdb",
    label: "MessagePack, a transaction for each append, awaits flushed; groups them by itself",
    workloads: core,
    load: () => import("./lmdb.ts")
  },
  {
    ...durable,
    name: "event-storage (sync)",
    setting: "sync",
    label:
      "syncOnFlush: each stream's file is synced, new files' folders are not; a batch is atomic in each stream only",
    workloads: core,
    load: () => import("./eventStorage.ts")
  },
  {
    ...notDurable,
    name: "event-storage (default)",
    label: "never synced: acknowledged when the operating system has it",
    workloads: core,
    load: () => import("./eventStorage.ts")
  }
]
