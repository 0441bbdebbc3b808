/** Turns `--only` into the workloads and peers to run and to show. */
import { peers } from "./peers/peers.ts"
import { type Plan, type Runner, runnersOf } from "./schedule.ts"
import { type Workload, workloads } from "./workloads/workload.ts"

export interface Selection {
  /** The workloads that were asked for. */
  readonly wanted: ReadonlyArray<Workload>
  /** The peers that were asked for, and the limit, which is always included. */
  readonly runners: ReadonlyArray<Runner>
  /** The same, and the runs of W3 that create the stores for them, perhaps by another peer. */
  readonly plan: Pick<Plan, "workloads" | "runners">
}

/**
 * Returns the workloads and peers whose names begin with a word of `only`: all workloads if it names no workload, all
 * peers if it names no peer. Returns a message if a word matches nothing.
 */
export const select = (
  { only = "", cold }: { readonly only?: string; readonly cold: boolean },
  missing: ReadonlyArray<string>
): Selection | string => {
  const words = only
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
  const unknown = words.filter(
    (word) =>
      ![...workloads.map(({ id }) => id), ...peers.map(({ name }) => name)].some((name) => name.startsWith(word))
  )
  if (unknown.length > 0) return `no workload or peer has a name that begins with: ${unknown.join(", ")}`
  const asked = words.filter((word) => /^W\d/.test(word))
  const names = words.filter((word) => !/^W\d/.test(word))
  const wanted = workloads.filter(
    ({ id }) =>
      (asked.length === 0 || asked.some((word) => id.startsWith(word))) &&
      (id !== "W6 cold" || cold || asked.includes(id))
  )
  const installed = runnersOf(peers.filter(({ name }) => !missing.includes(name)))
  const runners = installed.filter(
    ({ name }, n) => n === 0 || names.length === 0 || names.some((word) => name.startsWith(word))
  )
  return { wanted, runners, plan: withStores(wanted, runners, installed) }
}

const withStores = (
  wanted: ReadonlyArray<Workload>,
  runners: ReadonlyArray<Runner>,
  installed: ReadonlyArray<Runner>
): Selection["plan"] => {
  if (!wanted.some(({ begins }) => begins === "W3")) return { workloads: wanted, runners }
  const read = new Set(runners.flatMap(({ readsStoreOf }) => readsStoreOf ?? []))
  const extra = installed.filter((runner) => read.has(runner.name) && !runners.includes(runner))
  return {
    workloads: workloads.filter((one) => one.id === "W3" || wanted.includes(one)),
    runners: [...runners, ...extra.map((runner) => ({ ...runner, workloads: ["W3" as const] }))]
  }
}
