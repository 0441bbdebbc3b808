/** V8 may take one escaped key for another (https://github.com/nodejs/node/issues/63785): what it parses is looked at again. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "vitest"

const src = fileURLToPath(new URL("../../src/", import.meta.url))

/** Those that know: the first says what it parsed to readers that look again, the second has no keys to parse. */
const allowed = ["domain/json/strictDecode.ts", "domain/json/strictRead.ts"]

it("only the readers of TaraSON call JSON.parse", () => {
  const callers = fs
    .readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .filter((file) => {
      const code = fs.readFileSync(path.join(src, file), "utf8").replaceAll(/^\s*(?:\/?\*|\/\/).*$/gm, "")
      return /\bJSON\s*\.\s*parse\b/.test(code)
    })
  assert.deepStrictEqual(callers.toSorted(), allowed)
})
