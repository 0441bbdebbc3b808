/** The tables, as Markdown that is also readable in a terminal. */
import { type Verdict, verdicts } from "./budget.ts"
import { figureOf, type Row } from "./report.ts"
import { type Workload, workload } from "./workloads/workload.ts"

/** Returns a table with aligned columns. The first and the last column are text, the others are numbers. */
export const markdownTable = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, column) => Math.max(title.length, 3, ...rows.map((row) => row[column]!.length)))
  const isText = (column: number): boolean => column === 0 || column === head.length - 1
  const line = (cells: ReadonlyArray<string>): string => {
    const padded = cells.map((cell, n) => (isText(n) ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)))
    return `| ${padded.join(" | ")} |`
  }
  const rule = widths.map((width, n) => (isText(n) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join("\n")
}

/** Returns a number as text, with three significant digits or as a whole number. */
export const show = (value: number | null, unit = ""): string =>
  value === null || Number.isNaN(value)
    ? ""
    : `${value >= 100 ? Math.round(value).toLocaleString("en-US") : Number(value.toPrecision(3))}${unit}`

const showMicros = (value: number | null): string =>
  value === null ? "" : value >= 1000 ? show(value / 1000, " ms") : show(value, " µs")

/** If other processes used more than this share of the cores, the figure means little. */
const noisy = 0.2

export const tables = (rows: ReadonlyArray<Row>): string =>
  [...new Set(rows.map((row) => row.workload))]
    .map((id) => {
      const of = workload(id)
      const limit = of.limit === undefined ? "" : ` Limit: ${of.limit}.`
      const its = rows.filter((row) => row.workload === id)
      return `### ${id}: ${of.what}\n\n${tableOf(of, its, rows)}\n\n${sentence(of)}${limit}\n`
    })
    .join("\n")

const tableOf = (of: Workload, its: ReadonlyArray<Row>, all: ReadonlyArray<Row>): string => {
  const speed = of.figure === "mbPerSec" ? "MB/s" : `${of.unit}/s`
  const head = ["", speed, "low–high", "p50", "p99", "peak MB", "B/event", "÷ best", "÷ limit", "others", "budget"]
  return markdownTable(
    head,
    its.map((row) => [
      nameOf(row),
      show(of.figure === "mbPerSec" ? row.mbPerSec : row.opsPerSec),
      spread(of, row),
      showMicros(row.p50us),
      showMicros(row.p99us),
      show(row.rssMB),
      show(row.bytesPerEvent),
      show(row.toBestPeer),
      show(row.toLimit),
      row.elsewhere === null ? "" : `${Math.round(row.elsewhere * 100)} %${row.elsewhere > noisy ? "!" : ""}`,
      remark(row, all)
    ])
  )
}

const nameOf = ({ peer, ours, durable }: Row): string =>
  ours ? `**${peer}**` : peer === "limit" ? "*limit*" : durable ? peer : `${peer} (not durable)`

const spread = (of: Workload, { low, high, samples }: Row): string => {
  if (low === null || high === null || samples < 2) return ""
  return of.figure === "p50us" ? `${showMicros(low)}–${showMicros(high)}` : `${show(low)}–${show(high)}`
}

const sentence = (of: Workload): string =>
  of.figure === "p50us" ? "Compared: p50; less is better." : "Compared: the first column."

const remark = (row: Row, all: ReadonlyArray<Row>): string => {
  if (row.failed !== undefined) return `${figureOf(row) === null ? "failed" : "failed once"}: ${row.failed}`
  if (row.missing > 0) return `${show(row.missing)} events were not loaded in time`
  return verdicts(row, all).map(showVerdict).join("; ")
}

const showVerdict = ({ text, measured, met }: Verdict): string =>
  `${text}: ${met ? "met" : "missed"}, ${show(measured)}`
