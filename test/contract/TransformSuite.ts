/**
 * What repack, clone, recover and verify do, whatever storage a lib stands on: `suite` runs against any kind of it.
 */
import { describe } from "@effect/vitest"
import type { TransformKind } from "../support/transformGround.ts"
import { cloneContract } from "./transform/clone.ts"
import { failuresContract } from "./transform/failures.ts"
import { readersContract } from "./transform/readers.ts"
import { repackContract } from "./transform/repack.ts"

export const suite = (kind: TransformKind): void => {
  describe(`repack, clone, recover and verify: ${kind.name}`, () => {
    for (const contract of [repackContract, failuresContract, readersContract, cloneContract]) contract(kind)
  })
}
