/** How the examples print: steps with their time, numbers, tables. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

/** `12345` as `12,345`. */
export const number = (value: number): string => Math.round(value).toLocaleString("en-US")

/** One commit, two commits. */
export const several = (count: number, one: string, more = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : more}`

/** Bytes in the largest unit that leaves a whole number in front. */
export const size = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`
}

/** Milliseconds as a human reads them. */
export const duration = (millis: number): string =>
  millis < 1000 ? `${Math.max(1, Math.round(millis))} ms` : `${(millis / 1000).toFixed(1)} s`

/** How many there were in a second. */
export const rate = (count: number, millis: number): string => `${number((count * 1000) / Math.max(1, millis))}/s`

/** Text from elsewhere, safe on a terminal: control characters are shown, not sent. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (unit) =>
    unit === "\n" ? "\\n" : unit === "\t" ? "\\t" : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** The beginning of a long text. */
export const head = (text: string, width: number): string => {
  const units = [...printable(text)]
  return units.length <= width ? units.join("") : `${units.slice(0, width - 1).join("")}…`
}

/** The end of a long text: what tells paths apart. */
export const tail = (text: string, width: number): string => {
  const units = [...printable(text)]
  return units.length <= width ? units.join("") : `…${units.slice(units.length - width + 1).join("")}`
}

/** Columns are texts to the left and numbers to the right. */
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

/** Says what happens next, runs it, and says what came of it and how long it took. */
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

/** Prints how far a long piece of work is, every other second. */
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
