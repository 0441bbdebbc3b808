/** A storage of one's own, a SQLite database, tested with the checks that every storage has to pass. */
import * as Effect from "effect/Effect"
import { Conformance } from "litetapes/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import * as SqliteStorage from "./own-storage/SqliteStorage.ts"

const folder = mkdtempSync(join(tmpdir(), "own-storage-"))
let places = 0
const kind = Conformance.fromLayer(SqliteStorage.layer, () => join(folder, `${(places += 1)}.sqlite`))
for (const check of Conformance.all(kind)) test(check.name, () => Effect.runPromise(check.run))
after(() => rmSync(folder, { recursive: true }))
