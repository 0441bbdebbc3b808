/**
 * The public modules of the measured package, and nothing else. They are imported by path, because a folder with its
 * own package.json cannot import the package around it by name.
 */
export * as Category from "../src/services/Category.ts"
export * as Decider from "../src/services/Decider.ts"
export * as CheckpointStore from "../src/layers/CheckpointStore.ts"
export * as Consumer from "../src/services/Consumer.ts"
export * as EventStore from "../src/services/EventStore.ts"
export * as Lib from "../src/services/Lib.ts"
export * as NodeStorage from "../src/layers/NodeStorage.ts"
export * as SharedStore from "../src/layers/SharedStore.ts"
export * as PromiseStore from "../src/layers/PromiseStore.ts"
export * as Projection from "../src/layers/Projection.ts"
export * as SqliteClient from "../src/layers/SqliteClient.ts"
export * as Tape from "../src/services/Tape.ts"
export * as Telemetry from "../src/services/Telemetry.ts"
