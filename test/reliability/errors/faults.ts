/**
 * What may go wrong at a step: the errors of the disk, and how much of the step is done nevertheless.
 */
import { type Fault, isChange, type Step } from "../../../src/testing/SimulatedDisk.ts"
import type { Faults } from "../crashes/run.ts"

/** One step fails, or that step and all later ones of its kind. */
export interface FaultPlan {
  /** Number of the step, counted from 1 over all disks of a run. */
  readonly nth: number
  readonly fault: Fault
  readonly isForGood: boolean
}

const opens: ReadonlySet<Step["operation"]> = new Set(["openRead", "openWrite", "create", "lock", "list"])
const grows: ReadonlySet<Step["operation"]> = new Set(["create", "write", "makeFolder", "rename", "sync", "datasync"])

/** Returns every fault that a step can have. */
export const faultsOf = (step: Step): ReadonlyArray<Fault> => {
  const faults: Array<Fault> = [{ code: "EIO" }]
  if (opens.has(step.operation)) faults.push({ code: "EMFILE" })
  if (!isChange(step)) return faults
  faults.push({ code: "EROFS" })
  if (grows.has(step.operation)) faults.push({ code: "ENOSPC" })
  if (step.operation === "write") {
    // A short write: the file has part of the bytes, and the disk has no room for the rest.
    faults.push({ code: "ENOSPC", done: 0.3 }, { code: "ENOSPC", done: 0.9 }, { code: "EIO", done: 1 })
  } else if (step.operation !== "sync" && step.operation !== "datasync" && step.operation !== "syncFolder") {
    faults.push({ code: "EIO", done: 1 })
  }
  return faults
}

export interface Injection {
  readonly faults: Faults
  /** Returns the step that failed first, or `undefined` if none has. */
  readonly hit: () => Step | undefined
  /** Returns the number of steps until now. */
  readonly steps: () => number
  /** Lets every later step succeed. */
  readonly heal: () => void
}

const classOf = ({ operation }: Step): string => (isChange({ operation } as Step) ? "change" : operation)

export const inject = (plan: FaultPlan | undefined): Injection => {
  let count = 0
  let hit: Step | undefined
  let healed = false
  return {
    faults: (step) => {
      count += 1
      if (plan === undefined || healed) return undefined
      if (count === plan.nth) {
        hit = step
        return plan.fault
      }
      // A read-only or full disk refuses every later change too; no part of these later steps is done.
      if (hit === undefined || !plan.isForGood || classOf(step) !== classOf(hit)) return undefined
      return { code: plan.fault.code }
    },
    hit: () => hit,
    steps: () => count,
    heal: () => {
      healed = true
    }
  }
}

/** Returns the kind of file that a step touches, for the figures. */
export const fileKind = (path: string): string => {
  const name = path.replace(/^\/lib\/?/, "").replace(/\.tmp$/, " (temporary)")
  return name
    .replaceAll(/\d+/g, "N")
    .replace(/^(a|b|order|copyN)(?=[/ ]|$)/, "<tape>")
    .replace(/seg-[^/ ]*/, "segment")
    .replace(/^$/, "the folder")
}
