/** Loads every peer, and writes the names of peers that are not installed to file descriptor 3, as JSON. */
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
// Load the modules of a worker too, so that they are compiled.
await import("./limits.ts")
await import("./workloads/transforms.ts")
writeSync(3, JSON.stringify(missing))
