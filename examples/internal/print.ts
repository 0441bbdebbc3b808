/** Prints for the examples: steps with their duration, numbers, tables. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

/** Formats `12345` as `12,345`. */
export const number = (value: number): string => Math.round(value).toLocaleString("en-US")

/** Formats a count with its noun: 1 commit, 2 commits. */
export const several = (count: number, one: string, more = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : more}`

/** Formats bytes in the largest unit of which there is at least one. */
export const size = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`
}

/** Formats milliseconds for humans. */
export const duration = (millis: number): string =>
  millis < 1000 ? `${Math.max(1, Math.round(millis))} ms` : `${(millis / 1000).toFixed(1)} s`

/** Formats a count as a rate per second. */
export const rate = (count: number, millis: number): string => `${number((count * 1000) / Math.max(1, millis))}/s`

/** Makes a text from elsewhere safe for a terminal: control characters are shown, not sent. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (unit) =>
    unit === "\n" ? "\\n" : unit === "\t" ? "\\t" : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** Returns the beginning of a long text. */
export const head = (text: string, width: number): string => {
  const units = [...printable(text)]
  return units.length <= width ? units.join("") : `${units.slice(0, width - 1).join("")}…`
}

/** Returns the end of a long text, by which paths differ. */
export const tail = (text: string, width: number): string => {
  const units = [...printable(text)]
  return units.length <= width ? units.join("") : `…${units.slice(units.length - width + 1).join("")}`
}

/** Formats a table. Texts are aligned left, numbers right. */
export const table = (columns: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "number" ? number(cell) : cell)))
  const widths = columns.map((title, at) => Math.max(width(title), ...cells.map((row) => width(row[at] ?? ""))))
  const line = (row: ReadonlyArray<string>, numeric: ReadonlyArray<boolean>) =>
    `   ${row
      .map((cell, at) => {
        const pad = " ".repeat(Math.max(0, widths[at]! - width(cell)))
        return numeric[at] === true ? pad + cell : cell + pad
      })
      .join("  ")
      .trimEnd()}`
  const numeric = columns.map((_, at) => typeof rows[0]?.[at] === "number")
  const rule = widths.map((wide) => "─".repeat(wide))
  return [line(columns, numeric), line(rule, numeric), ...cells.map((row) => line(row, numeric))].join("\n")
}

const width = (text: string): number => [...text].length

/** Prints a title, runs the effect, and prints its outcome and duration. */
export const step = <A, E, R>(
  title: string,
  effect: Effect.Effect<A, E, R>,
  outcome: (value: A, millis: number) => string
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    yield* Console.log(`\n${title}`)
    const start = performance.now()
    const value = yield* effect
    const said = outcome(value, performance.now() - start)
    yield* Console.log(said.startsWith("\n") ? said : `   ${said}`)
    return value
  })

/** Returns a function that prints the progress of long work, at most every two seconds. */
export const makeProgress = (): ((text: () => string) => Effect.Effect<void>) => {
  let next = performance.now() + 2000
  return (text) =>
    Effect.suspend(() => {
      const now = performance.now()
      if (now < next) return Effect.void
      next = now + 2000
      return Console.log(`   … ${text()}`)
    })
}
