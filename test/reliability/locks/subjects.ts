/** What is held up while another writer takes over. */
import type { Held } from "../../support/contestedDisk.ts"
import { operations, type Outcome, stopAndTakeOver } from "./heldUp.ts"
import { stopOpening, stopRolling } from "./openings.ts"

export interface Subject {
  readonly name: string
  /** Holds it up at its `step`-th call, in a new lib at `location`, which is removed afterwards. */
  readonly stop: (location: string, held: Held, step: number, closes: boolean) => Promise<Outcome>
}

/** Operations of an open lib, and openings. */
export const subjects: ReadonlyArray<Subject> = [
  ...operations.map((operation) => ({
    name: operation.name,
    stop: (location: string, held: Held, step: number, closes: boolean) =>
      stopAndTakeOver(location, operation, held, step, closes)
  })),
  ...(["another opens", "another recovers", "the one before appends"] as const).map((meanwhile) => ({
    name: `opening while ${meanwhile}`,
    stop: (location: string, held: Held, step: number, closes: boolean) =>
      stopOpening(location, meanwhile, held, step, closes)
  })),
  {
    name: "roll while another opens",
    stop: (location: string, held: Held, step: number) => stopRolling(location, held, step)
  }
]
