/** The two charts: bars for the workloads, lines for growth. */
import { figureOf, lessIsBetter, type Row } from "./report.ts"
import { dot, line, page, path, rect, text } from "./svg.ts"
import { show } from "./table.ts"
import { type Workload, workload } from "./workloads/workload.ts"
import type { WorkloadId } from "./workloads/workloadId.ts"

const shown: ReadonlyArray<WorkloadId> = ["W1", "W2", "W3", "W4", "W5", "W6"]
const columnWidth = 470
const labelWidth = 170
const barWidth = 220
const rowHeight = 19
const headHeight = 46

/**
 * Draws one panel for each workload. Bars of peers that are not durable are outlined, and cut if they would dwarf the
 * others.
 */
export const barChart = (rows: ReadonlyArray<Row>): string => {
  const panels = shown
    .map((id) => ({ of: workload(id), its: rows.filter((row) => row.workload === id && figureOf(row) !== null) }))
    .filter(({ its }) => its.length > 0)
  const parts: Array<string> = []
  let top = 12
  for (let first = 0; first < panels.length; first += 2) {
    const pair = panels.slice(first, first + 2)
    for (const [column, { of, its }] of pair.entries()) parts.push(...panel(of, its, 16 + column * columnWidth, top))
    top += headHeight + Math.max(...pair.map(({ its }) => its.length)) * rowHeight + 16
  }
  const legend = "dashed line: the limit of this machine for the same bytes · outlined: not durable"
  parts.push(text(16, top + 4, legend, "faint"))
  return page(32 + columnWidth * Math.min(2, panels.length), top + 20, "litetapes and its peers", parts)
}

const panel = (of: Workload, its: ReadonlyArray<Row>, left: number, top: number): ReadonlyArray<string> => {
  const limitRow = its.find(({ peer }) => peer === "limit")
  const limit = limitRow === undefined ? null : figureOf(limitRow)
  const bars = its.filter(({ peer }) => peer !== "limit")
  const most = Math.max(
    limit ?? 0,
    ...bars.filter(({ durable }) => durable).map((row) => figureOf(row)!),
    Number.EPSILON
  )
  const scale = barWidth / most
  const start = left + labelWidth
  const better = lessIsBetter(of) ? "ms, less is better" : `${of.unit} a second`
  const parts = [text(left, top + 14, `${of.id}: ${of.short}`, "text title"), text(left, top + 31, better, "faint")]
  if (limit !== null && limit * scale >= 2) {
    const x = start + limit * scale
    parts.push(line(x, top + headHeight - 6, x, top + headHeight + bars.length * rowHeight, "limit"))
    parts.push(text(x, top + headHeight - 10, "limit", "limit-text middle"))
  }
  for (const [n, row] of bars.entries()) {
    const y = top + headHeight + n * rowHeight
    const value = figureOf(row)!
    const cut = value > most
    const width = Math.min(value * scale, barWidth)
    const label = lessIsBetter(of) ? show(value / 1000) : show(value)
    parts.push(text(start - 8, y + 11, row.peer, row.ours ? "text end" : "faint end"))
    parts.push(rect(start, y, Math.max(1, width), rowHeight - 5, row.ours ? "ours" : row.durable ? "peer" : "loose"))
    parts.push(text(start + width + 6, y + 11, cut ? `→ ${label}` : label, row.ours ? "text halo" : "faint halo"))
  }
  return parts
}

/** A line through points, for an x axis that is logarithmic. */
export interface Series {
  readonly name: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

/** A panel with lines. */
export interface LinePanel {
  readonly title: string
  readonly unit: string
  readonly series: ReadonlyArray<Series>
  /** Drawn as a dashed line. */
  readonly bound?: number
}

const plotWidth = 300
const plotHeight = 150

/** Draws lines. The x axis is logarithmic; the y axis is linear and starts at zero, so that flat looks flat. */
export const lineChart = (title: string, across: string, panels: ReadonlyArray<LinePanel>): string => {
  const parts = panels.flatMap((one, n) => plot(one, across, 70 + (n % 2) * 430, 50 + Math.floor(n / 2) * 250))
  return page(880, 40 + Math.ceil(panels.length / 2) * 250, title, parts)
}

const plot = ({ title, unit, series, bound }: LinePanel, across: string, left: number, top: number): Array<string> => {
  const points = series.flatMap((one) => one.points)
  const xs = [...new Set(points.map(([x]) => x))].toSorted((a, b) => a - b)
  const most = Math.max(bound ?? 0, ...points.map(([, y]) => y), Number.EPSILON) * 1.1
  const [low, high] = [Math.log(xs[0] ?? 1), Math.log(xs.at(-1) ?? 10)]
  const x = (value: number): number => left + (high === low ? 0.5 : (Math.log(value) - low) / (high - low)) * plotWidth
  const y = (value: number): number => top + plotHeight - (value / most) * plotHeight
  const parts = [
    text(left, top - 24, title, "text title"),
    text(left, top - 8, unit, "faint"),
    line(left, y(0), left + plotWidth, y(0), "rule"),
    text(left - 8, y(0) + 4, "0", "faint end"),
    text(left - 8, y(most / 1.1) + 4, show(most / 1.1), "faint end"),
    text(left + plotWidth / 2, top + plotHeight + 34, across, "faint middle"),
    ...xs.map((value) => text(x(value), top + plotHeight + 17, value.toLocaleString("en-US"), "faint middle"))
  ]
  if (bound !== undefined) parts.push(line(left, y(bound), left + plotWidth, y(bound), "limit"))
  for (const [n, one] of series.entries()) {
    const places = one.points.map(([px, py]) => [x(px), y(py)] as const)
    parts.push(path(places, `line line${n % 3}`), ...places.map(([px, py]) => dot(px, py, `line${n % 3}`)))
  }
  const ends = series.flatMap((one) => {
    const [lastX, lastY] = one.points.at(-1) ?? []
    return lastX === undefined ? [] : [{ name: one.name, x: x(lastX), y: y(lastY!) }]
  })
  // From the lowest label upwards, each at least one line above the last one.
  let below = Number.POSITIVE_INFINITY
  for (const end of ends.toSorted((one, other) => other.y - one.y)) {
    below = Math.min(end.y + 4, below - 13)
    parts.push(text(end.x + 8, below, end.name, "faint"))
  }
  return parts
}
