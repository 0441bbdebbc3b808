/**
 * The tools that litetapes is tested with, for tests that use it or replace a part of it: `litetapes/testing`. See
 * docs/TESTING.md.
 */
export * as CategoryEvents from "./CategoryEvents.ts"
export * as Conformance from "./Conformance.ts"
export * as ConsumerSpec from "./ConsumerSpec.ts"
export * as DeciderSpec from "./DeciderSpec.ts"
export * as DiskState from "./DiskState.ts"
export * as Fixtures from "./Fixtures.ts"
export * as GivenEvents from "./GivenEvents.ts"
export * as Generators from "./Generators.ts"
export * as History from "./History.ts"
export * as PowerLoss from "./PowerLoss.ts"
export * as ProjectionSpec from "./ProjectionSpec.ts"
export * as Replay from "./Replay.ts"
export * as SimulatedDisk from "./SimulatedDisk.ts"
