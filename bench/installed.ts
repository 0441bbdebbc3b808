/** Loads every peer; writes the names of those whose package is not installed, as JSON, to file 3. */
import { writeSync } from "node:fs"
import { peers } from "./peers/peers.ts"

const missing: Array<string> = []
for (const { name, load } of peers) {
  try {
    await load()
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== "ERR_MODULE_NOT_FOUND") throw error
    missing.push(name)
  }
}
// The modules of a worker, so that these are compiled too.
await import("./limits.ts")
await import("./workloads/transforms.ts")
writeSync(3, JSON.stringify(missing))
