/** All campaigns, in the order in which they run. Each is loaded on its own, so that none pays for the others. */
import type { Campaign } from "./campaign.ts"

export const campaigns: ReadonlyMap<string, () => Promise<{ readonly campaign: Campaign }>> = new Map([
  ["crashes", () => import("./crashes/campaign.ts")],
  ["errors", () => import("./errors/campaign.ts")],
  ["mutants", () => import("./mutants/campaign.ts")],
  ["soak", () => import("./soak/campaign.ts")],
  ["locks", () => import("./locks/campaign.ts")],
  ["inputs", () => import("./inputs/campaign.ts")],
  ["syscalls", () => import("./syscalls/campaign.ts")],
  ["kills", () => import("./kills/campaign.ts")],
  ["readers", () => import("./readers/campaign.ts")],
  ["full", () => import("./full/campaign.ts")],
  ["damage", () => import("./damage/campaign.ts")]
])
