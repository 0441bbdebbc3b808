/** When a lib counts as the one that was last written here (decision 0035). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import { Storage } from "litetapes/Storage"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const newPath = temporaryFolder()

/** Opens and closes the lib, and returns how many warnings it had. */
const warnings = (location: string) =>
  Effect.gen(function* () {
    const storage = yield* NodeStorage.make
    const opened = Effect.map(Lib.open(location), (lib) => lib.report.warnings.length)
    return yield* Effect.provideService(Effect.scoped(opened), Storage, storage)
  })

describe("litelib.place", () => {
  it.live("names the file that lib meta is: not another one that got its inode", () =>
    Effect.gen(function* () {
      const location = newPath()
      yield* warnings(location)
      assert.strictEqual(yield* warnings(location), 0)
      const place = path.join(location, "litelib.place")
      const said = JSON.parse(fs.readFileSync(place, "utf8")) as { readonly born?: string }
      // Not every file system knows when a file was created.
      if (said.born === undefined) return
      fs.writeFileSync(place, `${JSON.stringify({ ...said, born: `${BigInt(said.born) - 1n}` })}\n`)
      assert.strictEqual(yield* warnings(location), 1)
      assert.strictEqual(yield* warnings(location), 0)
    })
  )
})
