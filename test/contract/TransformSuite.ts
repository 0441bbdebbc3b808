/**
 * What repack, clone, recover and verify do, whatever storage a lib stands on: `suite` runs against any kind of it.
 */
import { describe } from "@effect/vitest"
import type { TransformKind } from "../support/transformGround.ts"
import { repackContract } from "./transform/repack.ts"

export const suite = (kind: TransformKind): void => {
  describe(`repack, clone, recover and verify: ${kind.name}`, () => {
    for (const contract of [repackContract]) contract(kind)
  })
}
