import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { sqliteCode } from "../../../../src/layers/node/sqliteErrors.ts"
import { temporaryFolder } from "../../../support/temporaryFolder.ts"

const newPath = temporaryFolder()

/** Returns what `node:sqlite` throws. */
const thrown = (run: () => void): Error => {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  return assert.fail("it did not throw")
}

const exclusive = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path)
  database.exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE")
  return database
}

const cases: Record<string, readonly [code: string, run: () => void]> = {
  "a file that is locked": [
    "ELOCKED",
    () => {
      const path = newPath()
      exclusive(path)
      exclusive(path)
    }
  ],
  "a file of somebody else": [
    "EUNSAFE",
    () => {
      const path = newPath()
      fs.writeFileSync(path, "x".repeat(5000))
      exclusive(path)
    }
  ],
  "a file that cannot be created": ["ECANTOPEN", () => exclusive(`${newPath()}/absent/file`)],
  "a file that cannot be written to": [
    "EACCES",
    () => {
      const path = newPath()
      exclusive(path).close()
      new DatabaseSync(path, { readOnly: true }).exec("CREATE TABLE t (a)")
    }
  ],
  "anything else": ["EIO", () => new DatabaseSync(":memory:").exec("nonsense")]
}

describe("errors of SQLite", () => {
  it.each(Object.keys(cases))("have a code of the disk, with or without their number: %s", (name) => {
    const [code, run] = cases[name]!
    const error = thrown(run)
    assert.strictEqual(sqliteCode(error), code)
    // As in Deno, which adds the path to some texts.
    const { message } = error
    assert.strictEqual(sqliteCode(Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR" })), code)
    assert.strictEqual(sqliteCode(Object.assign(new Error(`${message}: /a`), { code: "ERR_SQLITE_ERROR" })), code)
  })

  it.each([new Error("database is locked"), null, undefined, { code: "EACCES", errcode: 5 }])(
    "are not confused with others: %s",
    (error) => assert.isUndefined(sqliteCode(error))
  )
})
