/**
 * Runs one job in this process and writes its measurement to file descriptor 3, as JSON. Started by
 * `bench/processes.ts`.
 */
import { mkdirSync, writeSync } from "node:fs"
import { diskBytes } from "./disk.ts"
import { limits } from "./limits.ts"
import { watchLoad } from "./load.ts"
import type { Peer, PeerModule, Store } from "./peers/peer.ts"
import { peers } from "./peers/peers.ts"
import { appends, appendsExpected } from "./workloads/append.ts"
import { bulk } from "./workloads/bulk.ts"
import { commands, commandSizeOf } from "./workloads/command.ts"
import { dropPageCache, opening, randomReads, replay } from "./workloads/read.ts"
import { transform, transforms } from "./workloads/transforms.ts"
import type { Job, Measured, Measurement } from "./workloads/workload.ts"

const runOpen = (store: Store, job: Job): Promise<Measured> => {
  const { size } = job
  switch (job.workload) {
    case "W1":
      return appends(store, size, 1)
    case "W1 expected":
      return appendsExpected(store, size)
    case "W2":
      return appends(store, size, size.writers)
    case "W3":
    case "W3 adjacent":
      return bulk(store, size, job.workload === "W3 adjacent")
    case "W4":
      return replay(store, job)
    case "W5":
      return randomReads(store, job)
    case "W7 files":
    case "W7 verify":
    case "W7 repack":
      return transform(transforms[job.workload](store), job)
    case "W8 one":
    case "W8 hot":
    case "W8 long":
    case "W8 cold":
      return commands(store, size, commandSizeOf(job.workload, size)!)
    default:
      throw new Error(`${job.workload} does not start with an open store`)
  }
}

const keepsBytes = new Set(["W3", "W3 adjacent", "W7 repack"])

const runPeer = async (module: PeerModule, { setting }: Peer, job: Job): Promise<Measured> => {
  const { folder, workload } = job
  if (workload === "W6 cold") dropPageCache()
  if (workload === "W6" || workload === "W6 cold") return opening(module, setting, job)
  const store = await module.open(folder, setting)
  const measured = await runOpen(store, job)
  await store.close()
  return keepsBytes.has(workload) ? { ...measured, bytesPerEvent: diskBytes(folder) / measured.events } : measured
}

const job = JSON.parse(process.argv[2]!) as Job
mkdirSync(job.folder, { recursive: true })
const peer = peers.find(({ name }) => name === job.peer)
const module = await peer?.load()
const loadSince = watchLoad()
const measured =
  peer === undefined || module === undefined ? limits[job.workload]!(job) : await runPeer(module, peer, job)
const elsewhere = loadSince()
const measurement: Measurement = {
  ...measured,
  rssMB: process.resourceUsage().maxRSS / 1024,
  ...(elsewhere === undefined ? {} : { elsewhere })
}
writeSync(3, JSON.stringify(measurement))
