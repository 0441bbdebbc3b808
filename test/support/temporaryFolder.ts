import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll } from "vitest"

/** Returns unused paths in a folder that is removed after the tests of the file. */
export const temporaryFolder = (): (() => string) => {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "litetapes-")))
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))
  let given = 0
  return () => path.join(folder, `place-${(given += 1)}`)
}
