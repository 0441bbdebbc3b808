/** The results of a sweep, added up. */
import type { Damage } from "./damages.ts"
import type { Verdict } from "./judge.ts"

/** Number of failures that are described; further ones are only counted. */
const failuresMax = 20

export class Tally {
  readonly failures: Array<string> = []
  flips = 0
  silent = 0
  violations = 0
  readonly #states = new Map<string, Map<string, number>>()

  /** Adds a damage and the verdicts of all ways in which it was tried. Figures are kept for each `group` of states. */
  add(state: string, damage: Damage, verdicts: ReadonlyArray<Verdict>, group = state): void {
    this.flips += 1
    const outcomes = this.#states.get(group) ?? new Map<string, number>()
    this.#states.set(group, outcomes)
    // The last verdict is that of the writer, which says most.
    const { outcome } = verdicts.at(-1)!
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    const faults = verdicts.flatMap((verdict) => verdict.faults)
    const isSilent = verdicts.some((verdict) => verdict.isSilent)
    if (isSilent) this.silent += 1
    if (!isSilent && faults.length > 0) this.violations += 1
    if (faults.length === 0) return
    const text = `${isSilent ? "SILENT, " : ""}${state}: ${damage.text}: ${faults.slice(0, 3).join("; ")}`
    if (this.failures.length < failuresMax) this.failures.push(text)
  }

  /** Outcomes of the damages of each state, the most frequent first. */
  get figures(): Array<string> {
    return [...this.#states].map(([state, outcomes]) => {
      const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0)
      const landed = [...outcomes].toSorted(([, a], [, b]) => b - a).map(([outcome, count]) => `${outcome}: ${count}`)
      return `${state}, ${total} damages: ${landed.join(" · ")}`
    })
  }
}
