/**
 * The contract of a lib, on any storage: `suite` runs it against one kind. Tests damage files through the storage
 * itself.
 */
import { describe } from "@effect/vitest"
import type { Kind } from "../support/openLib.ts"
import { closingContract, endContract, groupContract, interruptionContract } from "./lib/appends.ts"
import { besideContract } from "./lib/beside.ts"
import { creationContract } from "./lib/creation.ts"
import { indexDamageContract, metaDamageContract, segmentDamageContract } from "./lib/damage.ts"
import { poisonContract } from "./lib/poison.ts"
import { lifecycleContract } from "./lib/lifecycle.ts"
import { metaContract, recordsContract } from "./lib/records.ts"
import { handlesContract, openingContract, tapesContract } from "./lib/refusals.ts"
import { libMetaContract, tornContract } from "./lib/torn.ts"

export const suite = (kind: Kind): void => {
  describe(`Lib: ${kind.name}`, () => {
    for (const contract of [
      openingContract,
      creationContract,
      lifecycleContract,
      tapesContract,
      handlesContract,
      recordsContract,
      metaContract,
      groupContract,
      interruptionContract,
      besideContract,
      endContract,
      closingContract,
      poisonContract,
      segmentDamageContract,
      metaDamageContract,
      indexDamageContract,
      tornContract,
      libMetaContract
    ]) {
      contract(kind)
    }
  })
}
