/** Turns samples into rows: medians over the rounds, and ratios to the best peer and to the physical limit. */
import type { Peer } from "./peers/peer.ts"
import type { Sample } from "./schedule.ts"
import { medianOf } from "./statistics.ts"
import { type Measurement, type Workload, workload } from "./workloads/workload.ts"
import type { WorkloadId } from "./workloads/workloadId.ts"

/** One row of the table. All numbers are medians unless their comment says otherwise. */
export interface Row {
  readonly workload: WorkloadId
  readonly peer: string
  readonly events: number
  readonly opsPerSec: number | null
  readonly p50us: number | null
  readonly p99us: number | null
  readonly rssMB: number | null
  readonly bytesPerEvent: number | null
  /**
   * The compared figure, divided by that of the best peer that is durable and not ours. It is operations a second; in
   * W7 MB a second; in W5 and W6 the median time, for which less is better.
   */
  readonly toBestPeer: number | null
  /** The same figure, divided by that of the physical limit. */
  readonly toLimit: number | null
  readonly mbPerSec: number | null
  readonly durable: boolean
  readonly ours: boolean
  /** Events that W3 did not load in time. If there are any, other rows are not compared with this one. */
  readonly missing: number
  /** Smallest and largest figure of all rounds. */
  readonly low: number | null
  readonly high: number | null
  readonly samples: number
  /** Share of all cores that other processes used meanwhile. */
  readonly elsewhere: number | null
  readonly failed?: string
}

/** Returns the figure that is compared in this workload. */
export const figureOf = (row: Row): number | null => row[workload(row.workload).figure]

export const lessIsBetter = ({ figure }: Workload): boolean => figure === "p50us"

export const rowsOf = (
  samples: ReadonlyArray<Sample>,
  workloads: ReadonlyArray<Workload>,
  peers: ReadonlyArray<Peer>
): ReadonlyArray<Row> =>
  workloads.flatMap((of) => {
    const names = [...new Set(samples.filter(({ workload }) => workload === of.id).map(({ peer }) => peer))]
    const order = ["limit", ...peers.map(({ name }) => name)]
    names.sort((a, b) => order.indexOf(a) - order.indexOf(b))
    const rows = names.map((name) =>
      rowOf(
        of,
        name,
        peers.find((peer) => peer.name === name),
        samples.filter(({ workload, peer }) => workload === of.id && peer === name)
      )
    )
    return compared(of, rows)
  })

const rowOf = (of: Workload, name: string, peer: Peer | undefined, samples: ReadonlyArray<Sample>): Row => {
  const good = samples.flatMap(({ outcome }) => ("failed" in outcome ? [] : [outcome]))
  const failed = samples.map(({ outcome }) => ("failed" in outcome ? outcome.failed : undefined)).find(Boolean)
  const middle = (key: keyof Measurement): number | null => medianOf(good.map((one) => one[key])) ?? null
  const figures = good.flatMap((one) => one[of.figure] ?? [])
  return {
    workload: of.id,
    peer: name,
    events: middle("events") ?? 0,
    opsPerSec: middle("opsPerSec"),
    p50us: middle("p50us"),
    p99us: middle("p99us"),
    rssMB: middle("rssMB"),
    bytesPerEvent: middle("bytesPerEvent"),
    toBestPeer: null,
    toLimit: null,
    mbPerSec: middle("mbPerSec"),
    durable: peer?.durable ?? true,
    ours: peer?.ours ?? false,
    missing: Math.max(0, ...samples.map(({ missing }) => missing)),
    low: figures.length === 0 ? null : Math.min(...figures),
    high: figures.length === 0 ? null : Math.max(...figures),
    samples: good.length,
    elsewhere: middle("elsewhere"),
    ...(failed === undefined ? {} : { failed })
  }
}

const compared = (of: Workload, rows: ReadonlyArray<Row>): ReadonlyArray<Row> => {
  const peerFigures = rows
    .filter(({ durable, ours, missing, peer }) => durable && !ours && missing === 0 && peer !== "limit")
    .flatMap((row) => figureOf(row) ?? [])
  const best = peerFigures.length === 0 ? null : lessIsBetter(of) ? Math.min(...peerFigures) : Math.max(...peerFigures)
  const limitRow = rows.find(({ peer }) => peer === "limit")
  const limit = limitRow === undefined ? null : figureOf(limitRow)
  return rows.map((row) => ({
    ...row,
    toBestPeer: row.peer === "limit" ? null : ratio(figureOf(row), best),
    toLimit: row.peer === "limit" ? null : ratio(figureOf(row), limit)
  }))
}

const ratio = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a / b)
