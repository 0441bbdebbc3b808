/** Reads a history back: makes the tables of the report, and lists the lib's files. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Merkle from "litetapes/Merkle"
import * as Tape from "litetapes/Tape"
import { Author, Commits, File } from "./history.ts"
import { head, number, several, size, table, tail } from "./print.ts"

/** Reads all events in order, and counts them. */
export const replay = Effect.gen(function* () {
  const store = yield* EventStore.EventStore
  let events = 0
  yield* Stream.runForEachArray(store.readAll(), (chunk) =>
    Effect.sync(() => {
      events += chunk.length
    })
  )
  return events
})

interface FileRow {
  changes: number
  added: number
  removed: number
  gone: boolean
}

/** Lists the files that were changed most. A renamed file counts under its new name. */
export const files = Effect.gen(function* () {
  const rows = new Map<string, FileRow>()
  yield* Stream.runForEach(File.readAll(), (event) =>
    Effect.sync(() => {
      const { path, lines } = event.data
      let row = rows.get(path)
      if (event.type === "FileRenamed") {
        // A rename is in both streams. Move the row when the new stream begins: by then the old one has ended.
        if (path === event.data.from) return
        row = rows.get(event.data.from)
        rows.delete(event.data.from)
      }
      row ??= { changes: 0, added: 0, removed: 0, gone: false }
      row.changes++
      row.added += lines?.added ?? 0
      row.removed += lines?.removed ?? 0
      row.gone = event.type === "FileDeleted"
      rows.set(path, row)
    })
  )
  const sorted = [...rows].toSorted(([a, x], [b, y]) => y.changes - x.changes || (a < b ? -1 : 1))
  const top = sorted.slice(0, 10)
  return [
    `   Most changed of ${several(rows.size, "file")}:`,
    table(
      ["file", "changes", "added", "removed", ""],
      top.map(([path, row]) => [tail(path, 60), row.changes, row.added, row.removed, row.gone ? "deleted" : ""])
    )
  ].join("\n")
})

/** Lists the authors by their number of commits. */
export const authors = Effect.gen(function* () {
  const rows = new Map<string, { name: string; commits: number; added: number; removed: number; last: string }>()
  yield* Stream.runForEach(Author.readAll(), ({ stream, data }) =>
    Effect.sync(() => {
      const row = rows.get(stream) ?? { name: data.name, commits: 0, added: 0, removed: 0, last: data.at }
      row.commits++
      row.added += data.added
      row.removed += data.removed
      if (data.at >= row.last) Object.assign(row, { name: data.name, last: data.at })
      rows.set(stream, row)
    })
  )
  const top = [...rows.values()].toSorted((a, b) => b.commits - a.commits || (a.name < b.name ? -1 : 1)).slice(0, 10)
  return [
    `   ${several(rows.size, "author")}:`,
    table(
      ["author", "commits", "added", "removed", "last"],
      top.map((row) => [head(row.name, 40) || "(no name)", row.commits, row.added, row.removed, row.last.slice(0, 10)])
    )
  ].join("\n")
})

const monthsMax = 24

/** Counts the commits of each month, latest month last. */
export const months = Effect.gen(function* () {
  const rows = new Map<string, { commits: number; lines: number }>()
  yield* Stream.runForEach(Commits.readAll(), ({ data }) =>
    Effect.sync(() => {
      const month = data.at.slice(0, 7)
      const row = rows.get(month) ?? { commits: 0, lines: 0 }
      row.commits++
      row.lines += data.added + data.removed
      rows.set(month, row)
    })
  )
  const sorted = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const shown = sorted.slice(-monthsMax)
  const most = Math.max(1, ...shown.map(([, row]) => row.commits))
  const bar = (commits: number) => "█".repeat(Math.ceil((commits * 30) / most))
  return [
    sorted.length > shown.length
      ? `   Activity in the last ${monthsMax} of ${number(sorted.length)} months:`
      : "   Activity by month:",
    table(
      ["month", "commits", "lines", ""],
      shown.map(([month, row]) => [month, row.commits, row.lines, bar(row.commits)])
    )
  ].join("\n")
})

/** Lists the tapes on disk with their segments. The root is the Merkle tree hash over all records of a tape. */
export const listing = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const rows: Array<ReadonlyArray<string | number>> = []
  for (const { name } of yield* lib.tapes) {
    const segments = yield* (yield* Tape.make(name)).segments
    const last = segments.at(-1)
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
    const records = last === undefined ? 0 : last.firstOrdinal + last.records
    const root = Merkle.root(last?.merkle ?? Merkle.empty).slice(0, 16)
    const names = last === undefined ? "" : `${segments.length === 1 ? "" : `${segments[0]!.name} … `}${last.name}`
    rows.push([`${name}/`, records, segments.length, size(bytes), names, root])
  }
  return table(["tape", "records", "segments", "size", "files", "root (first 16 digits)"], rows)
})
