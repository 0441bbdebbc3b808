/** Module that the process of a mutant loads first: edits the source files of the mutant that the environment names. */
import { registerHooks } from "node:module"
import { all } from "./all.ts"
import { fileOf, mutate } from "./mutant.ts"
import { mutantVariable, mutatedFiles } from "./made.ts"

const name = process.env[mutantVariable]
const mutant = all.find((one) => one.name === name)
if (mutant === undefined) throw new Error(`no such mutant: ${name}`)
const files = new Set(mutant.edits.map(({ file }) => file))

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    const file = fileOf(url)
    if (file === undefined || !files.has(file)) return loaded
    const { source } = loaded
    const text = typeof source === "string" ? source : new TextDecoder().decode(source ?? undefined)
    mutatedFiles().add(file)
    return { ...loaded, source: mutate(mutant, file, text) }
  }
})
