/** `litetapes ls` */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { join } from "node:path"
import type { LibService, TapeListing } from "../../services/Lib.ts"
import { AnswerIsNo } from "../errors.ts"
import { sentenceOf } from "../exit.ts"
import { JsonFlag } from "../flags.ts"
import { locationOf, looksLikeLib, namesIn, readerAt, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import type { Column } from "../text/table.ts"
import { bytes, count, time } from "../text/units.ts"
import { cut } from "../text/width.ts"

interface Row extends Pick<TapeListing, "name" | "tape" | "role" | "state"> {
  readonly segments: number | null
  readonly records: number | null
  readonly bytes: number | null
  readonly root: string | null
  readonly error: string | null
}

/** Describes a tape. One that is damaged does not hide the others. */
const describe = (lib: LibService, { name, role, state, tape }: TapeListing): Effect.Effect<Row> =>
  Effect.gen(function* () {
    const opened = yield* tapeOf(lib, name)
    const segments = yield* opened.segments
    return {
      name,
      tape,
      role,
      state,
      segments: segments.length,
      records: yield* opened.size,
      bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
      root: yield* opened.root,
      error: null
    }
  }).pipe(
    Effect.catch((error) =>
      Effect.succeed({
        name,
        tape,
        role,
        state,
        segments: null,
        records: null,
        bytes: null,
        root: null,
        error: sentenceOf(error)
      })
    )
  )

const columns: ReadonlyArray<Column> = [
  { title: "tape", flexible: true },
  { title: "role", style: (cell, { dim }) => dim(cell) },
  {
    title: "state",
    style: (cell, { red, yellow }) => (cell === "damaged" ? red(cell) : cell === "archived" ? yellow(cell) : cell)
  },
  { title: "segments", align: "right" },
  { title: "records", align: "right" },
  { title: "bytes", align: "right" },
  { title: "root", style: (cell, { dim }) => dim(cell), flexible: true }
]

const cellsOf = (row: Row): ReadonlyArray<string> => [
  row.name,
  row.role,
  row.error === null ? row.state : "damaged",
  row.segments === null ? "" : count(row.segments),
  row.records === null ? "" : count(row.records),
  row.bytes === null ? "" : bytes(row.bytes),
  row.root?.slice(0, 12) ?? ""
]

const listLib = (location: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* readerAt(location)
    const { position } = yield* lib.durable
    const tapes = yield* Effect.forEach(yield* lib.tapes, (listing) => describe(lib, listing))
    const { created, id, placement } = lib
    if (yield* JsonFlag) {
      yield* output.json({ lib: id, location: lib.location, created, placement, position, tapes })
    } else {
      const { kind } = placement
      const placed = kind === "hashed" ? `hashed:${placement.tapes}` : kind
      const line = `lib ${id}, created ${time(created)}, placement ${placed}, position ${count(position)}`
      yield* output.print([cut(line, output.look().width ?? Number.POSITIVE_INFINITY)])
      if (tapes.length > 0) yield* output.table(columns, tapes.map(cellsOf))
    }
    const damaged = tapes.filter(({ error }) => error !== null)
    if (damaged.length === 0) return
    for (const { error, name } of damaged) yield* output.note(`litetapes: tape ${name}: ${error}\n`)
    yield* output.note("Try: litetapes doctor\n")
    return yield* new AnswerIsNo()
  })

/** Describes each lib in a folder. */
const listLibs = (folder: string, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const rows = yield* Effect.forEach(names, (name) => {
      const location = join(folder, name)
      const described = Effect.gen(function* () {
        const lib = yield* readerAt(location)
        const { position } = yield* lib.durable
        return { location, lib: lib.id, tapes: (yield* lib.tapes).length, position, error: null }
      })
      return Effect.catch(within(described), (error) =>
        Effect.succeed({ location, lib: null, tapes: null, position: null, error: sentenceOf(error) })
      )
    })
    if (yield* JsonFlag) yield* output.json(rows)
    else {
      yield* output.table(
        [
          { title: "lib", flexible: true },
          { title: "tapes", align: "right" },
          { title: "position", align: "right" },
          { title: "id", flexible: true }
        ],
        rows.map(({ error, lib, location, position, tapes }) => [
          location,
          tapes === null ? "" : count(tapes),
          position === null ? "" : count(position),
          lib ?? error ?? ""
        ])
      )
    }
    if (rows.some(({ error }) => error !== null)) return yield* new AnswerIsNo()
  })

export const run = ({ path }: { readonly path: Option.Option<string> }) =>
  Effect.gen(function* () {
    const location = yield* locationOf(path)
    const inside = (namesIn(location) ?? []).filter((name) => looksLikeLib(join(location, name))).toSorted()
    return yield* !looksLikeLib(location) && inside.length > 0 ? listLibs(location, inside) : within(listLib(location))
  })
