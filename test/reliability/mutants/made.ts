/** What the process of a mutant and its parent share. */

/** Environment variable that names the mutant. */
export const mutantVariable = "LITETAPES_MUTANT"

const key = Symbol.for("litetapes/mutants/files")
const registry = globalThis as { [key]?: Set<string> }

/** Returns the files that were edited while they were loaded in this process. */
export const mutatedFiles = (): Set<string> => (registry[key] ??= new Set())
