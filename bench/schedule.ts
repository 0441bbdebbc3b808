/**
 * Decides which job runs when. Jobs are interleaved, so that a slow minute of the machine affects all peers, not one.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { limits } from "./limits.ts"
import type { Peer } from "./peers/peer.ts"
import { type Outcome, runJob } from "./processes.ts"
import type { Size, Workload } from "./workloads/workload.ts"
import type { WorkloadId } from "./workloads/workloadId.ts"

/** A peer, or the physical limit. */
export interface Runner {
  readonly name: string
  readonly workloads: ReadonlyArray<WorkloadId>
  readonly readsStoreOf?: string
}

export const limitRunner: Runner = { name: "limit", workloads: Object.keys(limits) as Array<WorkloadId> }

export const runnersOf = (peers: ReadonlyArray<Peer>): ReadonlyArray<Runner> => [limitRunner, ...peers]

export interface Sample {
  readonly workload: WorkloadId
  readonly peer: string
  readonly round: number
  readonly outcome: Outcome
  /**
   * Events that W3 did not load in time. Its own figures, and those of workloads that start with its store, cover fewer
   * events.
   */
  readonly missing: number
}

export interface Plan {
  readonly runners: ReadonlyArray<Runner>
  readonly workloads: ReadonlyArray<Workload>
  readonly size: Size
  readonly rounds: number
  /** All stores are created here, and removed after their round. */
  readonly folder: string
}

/** Runs all jobs, and calls `told` after each of them. Each round starts with a different peer. */
export const runAll = async (plan: Plan, told: (sample: Sample) => void): Promise<ReadonlyArray<Sample>> => {
  const samples: Array<Sample> = []
  for (let round = 0; round < plan.rounds; round++) {
    for await (const sample of runRound(plan, round)) {
      samples.push(sample)
      told(sample)
    }
  }
  return samples
}

async function* runRound(plan: Plan, round: number): AsyncGenerator<Sample> {
  const folder = join(plan.folder, `round-${round}`)
  const compiled = join(plan.folder, "compiled")
  const runners = plan.runners.map((_, n) => plan.runners[(n + round) % plan.runners.length]!)
  const loaded = new Map<string, number>()
  for (const { id, begins } of plan.workloads) {
    for (const runner of runners.filter(({ workloads }) => workloads.includes(id))) {
      const store = runner.readsStoreOf ?? runner.name
      const keeps = id === "W3" || begins === "W3"
      if (begins === "W3" && !loaded.has(store)) continue
      const place = join(folder, keeps ? `${store}-W3` : `${store}-${id}`)
      const times = id.startsWith("W6") ? plan.size.opens : 1
      for (let time = 0; time < times; time++) {
        const job = { workload: id, peer: runner.name, folder: place, size: plan.size, loaded: loaded.get(store) ?? 0 }
        const outcome = await runJob(job, compiled)
        if (id === "W3" && !("failed" in outcome)) loaded.set(store, outcome.events)
        const there = keeps ? (loaded.get(store) ?? 0) : "failed" in outcome ? 0 : outcome.events
        const missing = keeps || id === "W3 adjacent" ? plan.size.events - there : 0
        yield { workload: id, peer: runner.name, round, outcome, missing }
      }
      if (!keeps) rmSync(place, { recursive: true, force: true })
    }
  }
  rmSync(folder, { recursive: true, force: true })
}
