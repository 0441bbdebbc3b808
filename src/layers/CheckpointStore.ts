/**
 * Where consumers keep their checkpoints and parked events: in memory, in a folder, in a `KeyValueStore`, or in SQL.
 * The lib itself can keep checkpoints, but no parked events.
 *
 * A store keeps the positions, ids, types and streams of events, and the errors of parked ones, but no data of events.
 *
 * @see `litetapes/Consumer` for consumers
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { KeyValueStore } from "effect/persistence/KeyValueStore"
import type { SqlClient } from "effect/sql/SqlClient"
import type { InvalidArgument } from "../domain/format/Errors.ts"
import { checkLocation } from "../services/base/checkCall.ts"
import { lazy } from "../services/base/lazy.ts"
import type { StorageError } from "../services/ports/Storage.ts"
import { EventStore } from "../services/EventStore.ts"
import {
  CheckpointsNeedWriter,
  CheckpointStore,
  type ClaimedEntries,
  type InLib
} from "../services/ports/CheckpointStore.ts"
import { Disk } from "../services/ports/Disk.ts"
import { makeFolder as folderStore } from "./checkpoints/folder.ts"
import { makeLib as libStore } from "./checkpoints/lib.ts"
import { makeKeyValue } from "./checkpoints/keyValue.ts"
import { makeMemory as memoryStore } from "./checkpoints/memory.ts"
import type { SqlOptions } from "./checkpoints/sql.ts"

// Both load schemas, which other programs need not.
const programKeyValueStore = lazy(() => import("./checkpoints/keyValueService.ts"), "programKeyValueStore")
const sqlStore = lazy(() => import("./checkpoints/sql.ts"), "makeSql")

export { CheckpointsNeedWriter, CheckpointStore }
export type { ClaimedEntries, InLib, SqlOptions }

/**
 * Makes a store that keeps the checkpoints of consumers in the lib of an event store, in the process of its writer. The
 * handler of a consumer then gets its checkpoint, and may pass it to `append` or `appendAll`: the events and the
 * checkpoint are one atomic batch, so a handler that only appends takes effect exactly once. Other progress is
 * committed as a batch without events, which costs one write and one sync.
 *
 * On a lib that is open for reading, a consumer fails with `CheckpointsNeedWriter`. The lib keeps no parked events:
 * `onPoison: "park"` is refused.
 *
 * @example
 * ```ts
 * const shipping = Consumer.make({
 *   name: "shipping",
 *   filter: { types: ["OrderPaid"] },
 *   handler: ({ stream }, { checkpoint }) =>
 *     store.appendAll([{ stream: `shipment-${stream}`, events: [{ type: "Shipped", data: {} }] }], { checkpoint })
 * })
 * program.pipe(Effect.provide(Consumer.layer(shipping)), Effect.provide(CheckpointStore.layerLib))
 * ```
 */
export const makeLib: Effect.Effect<CheckpointStore["Service"], never, EventStore> = Effect.map(EventStore, libStore)

/** Provides a store in the lib of the event store of the program. */
export const layerLib: Layer.Layer<CheckpointStore, never, EventStore> = Layer.effect(CheckpointStore, makeLib)

/** Makes a store in memory, for tests. It lasts as long as the program refers to it. */
export const makeMemory: Effect.Effect<CheckpointStore["Service"]> = Effect.sync(() => memoryStore())

/** Provides a store in memory. */
export const layerMemory: Layer.Layer<CheckpointStore> = Layer.effect(CheckpointStore, makeMemory)

/**
 * Makes a store in a folder, which it creates if it is missing. Each write is one small file that is synced and
 * renamed, so a crash leaves the last checkpoint or the one before. A kernel lock keeps a second run of a consumer out,
 * in this process and in others; it ends with its process. The folder must be on a local disk, and outside the folder
 * of a lib.
 */
export const makeFolder = (folder: string): Effect.Effect<CheckpointStore["Service"], InvalidArgument, Disk> =>
  Effect.andThen(
    checkLocation("CheckpointStore.makeFolder", folder, "folder"),
    Effect.map(Disk, (disk) => folderStore(disk, folder))
  )

/** Provides a store in a folder. */
export const layerFolder = (folder: string): Layer.Layer<CheckpointStore, InvalidArgument, Disk> =>
  Layer.effect(CheckpointStore, makeFolder(folder))

/**
 * Makes a store over a `KeyValueStore` of Effect. Keys begin with `prefix`, then the name of the consumer. It is as
 * durable as that store.
 *
 * A second run in the same process is kept out if it uses the same `CheckpointStore`. Between processes the claim is a
 * lease: a run renews it every 10 seconds and checks it before each write, and it expires 30 seconds after a crash. A
 * `KeyValueStore` cannot compare and set, so two processes that claim in the same moment may both run until the first
 * write of one of them fails with `lock-lost`. Use `makeFolder` if that must not happen.
 */
export const makeKeyValueStore = (store: KeyValueStore, prefix = "litetapes/"): CheckpointStore["Service"] =>
  makeKeyValue(store, prefix)

/** Provides a store over the `KeyValueStore` of the program. */
export const layerKeyValueStore = (prefix?: string): Layer.Layer<CheckpointStore, never, KeyValueStore> =>
  Layer.effect(
    CheckpointStore,
    Effect.map(programKeyValueStore(), (store) => makeKeyValueStore(store, prefix))
  )

/**
 * Makes a store in tables of the database of a `SqlClient`: SQLite or PostgreSQL. Creates the tables if they are
 * missing. This is the only store with transactions: a consumer with the option `transaction` changes rows and
 * checkpoint together, so changes that its handler makes with the same client happen exactly once.
 *
 * The claim is a row that a run renews; it expires 10 seconds after a crash (option `lease`). A transaction locks that
 * row and fails with `lock-lost` if it belongs to another run, so two runs never both commit, whatever the clocks say.
 */
export const makeSql = (
  options?: SqlOptions
): Effect.Effect<CheckpointStore["Service"], StorageError | InvalidArgument, SqlClient> => sqlStore(options)

/** Provides a store in the database of the program's `SqlClient`. */
export const layerSql = (
  options?: SqlOptions
): Layer.Layer<CheckpointStore, StorageError | InvalidArgument, SqlClient> =>
  Layer.effect(CheckpointStore, makeSql(options))
