/**
 * A writer that lost its lock while it stood still: at whatever call that was, it takes nothing from the one that came
 * after it, and says of nothing that it is committed which that one has not seen.
 */
import { assert, describe, it } from "vitest"
import { operations, stopAndTakeOver } from "../reliability/locks/heldUp.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()

describe("a writer that was stopped, and whose lock file was unlinked meanwhile", () => {
  for (const operation of operations.filter(({ name }) => ["append", "roll", "flush", "archive"].includes(name))) {
    it(`harms nobody at any call of: ${operation.name}`, async () => {
      for (let step = 1; ; step++) {
        const { at, wrong } = await stopAndTakeOver(newPlace(), operation, "within", step, step % 2 === 0)
        assert.deepStrictEqual(wrong, [], `call ${step}: ${at}`)
        if (at === undefined) {
          assert.isAbove(step, 2)
          return
        }
      }
    })
  }
})
