/** The process of a mutant: hunts it and prints the result as a line of JSON. `hunted.ts NAME SEED RUNS IMAGES` */
import { all } from "./all.ts"
import { hunt } from "./hunt.ts"
import { mutatedFiles } from "./made.ts"
import { filesOf } from "./mutant.ts"

Error.stackTraceLimit = 0
const [name, seed, runsMax, imagesMax] = process.argv.slice(2)
const mutant = all.find((one) => one.name === name)
if (mutant === undefined) throw new Error(`no such mutant: ${name}`)
// Some files are loaded only when they are first used.
for (const file of filesOf(mutant)) await import(new URL(`../../../src/${file}`, import.meta.url).href)
const missed = filesOf(mutant).filter((file) => !mutatedFiles().has(file))
if (missed.length > 0) throw new Error(`mutant ${name}: ${missed.join(", ")} was not loaded through the hook`)
const found = await hunt(mutant, Number(seed), { runsMax: Number(runsMax), imagesMax: Number(imagesMax) })
process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0))
