import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Logger from "effect/Logger"
import * as NodeStorage from "litetapes/NodeStorage"
import { checkedTag } from "../../support/messages.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { backups } from "./cases/backups.ts"
import { calls } from "./cases/calls.ts"
import { checkpoints } from "./cases/checkpoints.ts"
import { files } from "./cases/files.ts"
import { interchange } from "./cases/interchange.ts"
import { keyCases } from "./cases/keys.ts"
import { metas } from "./cases/metas.ts"
import { places } from "./cases/places.ts"
import { records } from "./cases/records.ts"
import { type Cases, type RowName, rows, tagsOf } from "./table.ts"

const place = temporaryFolder()
const sources: ReadonlyArray<Cases> = [
  calls,
  records,
  metas,
  files,
  places,
  backups,
  checkpoints,
  interchange,
  keyCases
]
const casesOf = (row: RowName) => sources.flatMap((source) => source[row] ?? [])

describe("the table of bad input", () => {
  for (const row of Object.keys(rows) as Array<RowName>) {
    const [input, errors] = rows[row]
    it(`has a case for each error of a row: ${input}`, () => {
      const shown = new Set(casesOf(row).map(({ error }) => error))
      assert.deepStrictEqual([...shown].toSorted(), [...errors].toSorted())
    })
  }
})

for (const row of Object.keys(rows) as Array<RowName>) {
  describe(rows[row][0], () => {
    for (const { error, give, name, says } of casesOf(row)) {
      it.live(`fails with ${error}: ${name}`, () =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(give({ storage: yield* NodeStorage.make, place }))
          assert.isTrue(Exit.isFailure(exit), "it was accepted")
          if (!Exit.isFailure(exit)) return
          assert.isFalse(Cause.hasDies(exit.cause), Cause.pretty(exit.cause))
          const found = Cause.squash(exit.cause) as Error
          assert.include(tagsOf(found), error)
          assert.match(found.message, says)
          checkedTag(found)
        }).pipe(Effect.provide(Logger.layer([])))
      )
    }
  })
}
