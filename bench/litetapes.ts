/**
 * The public modules of the package that is measured, and nothing else of it. By path: a folder with a package.json of its
 * own cannot name the package around it.
 */
export * as EventStore from "../src/services/EventStore.ts"
export * as Lib from "../src/services/Lib.ts"
export * as NodeStorage from "../src/layers/NodeStorage.ts"
export * as PromiseStore from "../src/layers/PromiseStore.ts"
export * as Tape from "../src/services/Tape.ts"
