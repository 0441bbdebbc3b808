/** The budget of litetapes: goals, as ratios within one run, and whether a run met them. */
import type { Row } from "./report.ts"
import type { WorkloadId } from "./workloads/workloadId.ts"

interface Goal {
  readonly workload: WorkloadId
  readonly what: string
  readonly atLeast?: number
  readonly atMost?: number
  /** Returns the number to compare with the bound, or `null` if something was not measured. */
  readonly measure: (ours: Row, rows: ReadonlyArray<Row>) => number | null
}

export interface Verdict {
  readonly text: string
  readonly measured: number
  readonly met: boolean
}

const toLimit = (ours: Row): number | null => ours.toLimit
const toBestPeer = (ours: Row): number | null => ours.toBestPeer

const toPeer =
  (name: string): Goal["measure"] =>
  (ours, rows) => {
    const other = rows.find(({ peer, workload }) => peer === name && workload === ours.workload)?.opsPerSec ?? null
    return other === null || ours.opsPerSec === null ? null : ours.opsPerSec / other
  }

/** Returns the bytes after a repack, divided by the bytes before it. */
const bytesLeft: Goal["measure"] = (ours, rows) => {
  const before = rows.find(({ peer, workload }) => peer === ours.peer && workload === "W3")?.bytesPerEvent ?? null
  return before === null || ours.bytesPerEvent === null ? null : ours.bytesPerEvent / before
}

const millis = ({ p50us }: Row): number | null => (p50us === null ? null : p50us / 1000)

const goals: ReadonlyArray<Goal> = [
  { workload: "W1", what: "× node:sqlite at FULL", atLeast: 1, measure: toPeer("node:sqlite") },
  { workload: "W1", what: "× raw append + fdatasync", atLeast: 0.85, measure: toLimit },
  { workload: "W2", what: "× best peer, batched or not", atLeast: 1.5, measure: toBestPeer },
  { workload: "W2", what: "× 256-group limit", atLeast: 0.6, measure: toLimit },
  { workload: "W3", what: "× best peer", atLeast: 2.5, measure: toBestPeer },
  { workload: "W3", what: "× batch limit with stringify", atLeast: 0.6, measure: toLimit },
  { workload: "W4", what: "× best peer", atLeast: 1.3, measure: toBestPeer },
  { workload: "W4", what: "× read + split + parse", atLeast: 0.85, measure: toLimit },
  { workload: "W4", what: "MB at the peak", atMost: 150, measure: ({ rssMB }) => rssMB },
  { workload: "W5", what: "× best peer's p50", atMost: 0.6, measure: toBestPeer },
  { workload: "W6", what: "ms to open", atMost: 25, measure: millis },
  { workload: "W6 cold", what: "ms to open", atMost: 25, measure: millis },
  { workload: "W7 files", what: "MB/s", atLeast: 500, measure: ({ mbPerSec }) => mbPerSec },
  { workload: "W7 repack", what: "× the bytes", atMost: 0.3, measure: bytesLeft },
  { workload: "W8 one", what: "× best peer's p50", atMost: 1.4, measure: toBestPeer },
  { workload: "W8 hot", what: "× best peer", atLeast: 0.85, measure: toBestPeer },
  { workload: "W8 long", what: "× best peer", atLeast: 1.2, measure: toBestPeer },
  { workload: "W8 cold", what: "× best peer", atLeast: 0.8, measure: toBestPeer }
]

/** Those of deciders that keep states in memory. */
const cachedGoals: ReadonlyArray<Goal> = [
  { workload: "W8 one", what: "× best peer's p50", atMost: 1.05, measure: toBestPeer },
  { workload: "W8 hot", what: "× best peer", atLeast: 1.5, measure: toBestPeer },
  { workload: "W8 long", what: "× best peer", atLeast: 4, measure: toBestPeer }
]

/** Returns the verdicts on a row of ours. Goals that need something that was not measured are left out. */
export const verdicts = (ours: Row, rows: ReadonlyArray<Row>): ReadonlyArray<Verdict> =>
  goalsOf(ours.peer).flatMap((goal) => {
    if (goal.workload !== ours.workload) return []
    const measured = goal.measure(ours, rows)
    return measured === null ? [] : [judge(goal, measured)]
  })

const goalsOf = (peer: string): ReadonlyArray<Goal> =>
  peer === "litetapes" ? goals : peer === "litetapes (cached)" ? cachedGoals : []

const judge = ({ what, atLeast, atMost }: Goal, measured: number): Verdict => ({
  text: atLeast === undefined ? `≤ ${atMost} ${what}` : `≥ ${atLeast} ${what}`,
  measured,
  met: atLeast === undefined ? measured <= atMost! : measured >= atLeast
})
