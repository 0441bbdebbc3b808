/** The contract of repack, clone, copy, recover and verify, on any storage: `suite` runs it against one kind. */
import { describe } from "@effect/vitest"
import type { TransformKind } from "../support/transformGround.ts"
import { backupContract } from "./transform/backup.ts"
import { cloneContract } from "./transform/clone.ts"
import { copyContract } from "./transform/copy.ts"
import { failuresContract } from "./transform/failures.ts"
import { leftoversContract } from "./transform/leftovers.ts"
import { acrossLossesContract } from "./transform/acrossLosses.ts"
import { lostStreamsContract } from "./transform/lostStreams.ts"
import { progressContract } from "./transform/progress.ts"
import { readersContract } from "./transform/readers.ts"
import { recoverContract } from "./transform/recover.ts"
import { recoverAgainContract } from "./transform/recoverAgain.ts"
import { recoverAheadContract } from "./transform/recoverAhead.ts"
import { recoverAlikeContract } from "./transform/recoverAlike.ts"
import { recoverDamageContract } from "./transform/recoverDamage.ts"
import { recoverLibContract } from "./transform/recoverLib.ts"
import { recoverLibPartlyContract } from "./transform/recoverLibPartly.ts"
import { recoverLibTapesContract } from "./transform/recoverLibTapes.ts"
import { recoverPlacementContract } from "./transform/recoverPlacement.ts"
import { recoverStreamsContract } from "./transform/recoverStreams.ts"
import { repackContract } from "./transform/repack.ts"
import { verifyContract } from "./transform/verify.ts"
import { waysOutContract } from "./transform/waysOut.ts"
import { verifyBesideContract } from "./transform/verifyBeside.ts"

export const suite = (kind: TransformKind): void => {
  describe(`repack, clone, recover and verify: ${kind.name}`, () => {
    for (const contract of [
      repackContract,
      failuresContract,
      readersContract,
      cloneContract,
      copyContract,
      backupContract,
      recoverContract,
      recoverAgainContract,
      recoverDamageContract,
      recoverAlikeContract,
      recoverAheadContract,
      leftoversContract,
      recoverLibContract,
      recoverLibTapesContract,
      recoverLibPartlyContract,
      recoverPlacementContract,
      recoverStreamsContract,
      waysOutContract,
      lostStreamsContract,
      acrossLossesContract,
      verifyContract,
      verifyBesideContract,
      progressContract
    ])
      contract(kind)
  })
}
