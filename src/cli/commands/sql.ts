/** `litetapes sql` */
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import { Usage } from "../errors.ts"
import { JsonFlag } from "../flags.ts"
import { reader, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { counted } from "../text/units.ts"

/** Returns a text as a literal of SQL. */
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

// The types that docs/guide/sql.md explains.
const columns = `{position: 'UBIGINT', stream: 'VARCHAR', revision: 'UBIGINT', "$type": 'VARCHAR', id: 'VARCHAR', time: 'TIMESTAMPTZ', data: 'JSON', metadata: 'JSON', tags: 'VARCHAR[]'}`

const program = (names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* reader
    const all = yield* lib.tapes
    const other = names.find((name) => all.some((tape) => tape.name === name && tape.role !== "events"))
    if (other !== undefined) return yield* new Usage({ message: `${other} is a tape of records, and has no events.` })
    const chosen = names.length > 0 ? names : all.filter(({ role }) => role === "events").map(({ name }) => name)
    const files: Array<string> = []
    let missing = 0
    for (const name of chosen) {
      const tape = yield* tapeOf(lib, name)
      const segments = yield* tape.segments
      files.push(...segments.map((segment) => resolve(lib.location, name, segment.name)))
      missing += (yield* tape.size) - segments.reduce((sum, { records }) => sum + records, 0)
    }
    if (yield* JsonFlag) return yield* output.json({ files, missing })
    if (files.length === 0) {
      return yield* new Usage({
        message: `no event is in a segment yet: ${counted(missing, "event")} will be once the application closes its dynamic segment. Use litetapes cat --json until then.`
      })
    }
    yield* output.print([
      `-- ${counted(missing, "event")} in no segment yet, so not in the view.`,
      `CREATE OR REPLACE VIEW events AS SELECT * FROM read_json([`,
      `  ${files.map(literal).join(",\n  ")}`,
      `], format = 'newline_delimited', columns = ${columns});`
    ])
  })

export const run = ({ tapes }: { readonly tapes: ReadonlyArray<string> }) => within(program(tapes))
