/**
 * Runs one campaign or one share: `run.ts NAME SIZE SEED PART PARTS`. The last line of output is the result, as JSON.
 */
import type { Size } from "./campaign.ts"
import { campaigns } from "./campaigns.ts"

const [name, size, seed, part, parts] = process.argv.slice(2)
const load = campaigns.get(name ?? "")
if (load === undefined) {
  process.stderr.write(`no such campaign: ${name}; known are ${[...campaigns.keys()].join(", ")}\n`)
  process.exit(2)
}
const { campaign } = await load()
const result = await campaign.run({
  size: (size ?? "ordinary") as Size,
  seed: Number(seed ?? 1),
  part: Number(part ?? 0),
  parts: Number(parts ?? 1),
  log: (line) => process.stderr.write(`${name}: ${line}\n`)
})
process.stdout.write(`${JSON.stringify(result)}\n`)
