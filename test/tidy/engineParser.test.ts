/**
 * V8 may confuse two escaped keys (https://github.com/nodejs/node/issues/63785), so everything that it parses is
 * checked.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "vitest"

const src = fileURLToPath(new URL("../../src/", import.meta.url))

/** Modules that may call it: the first returns results that its callers check, the second parses no keys. */
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
