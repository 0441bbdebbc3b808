/**
 * The tools that litetapes is tested with, for tests that use it or replace a part of it: `litetapes/testing`. See
 * docs/TESTING.md.
 */
export * as CategoryEvents from "./CategoryEvents.ts"
export * as Conformance from "./Conformance.ts"
export * as DeciderSpec from "./DeciderSpec.ts"
export * as DiskState from "./DiskState.ts"
export * as Fixtures from "./Fixtures.ts"
export * as Generators from "./Generators.ts"
export * as History from "./History.ts"
export * as PowerLoss from "./PowerLoss.ts"
export * as SimulatedDisk from "./SimulatedDisk.ts"
