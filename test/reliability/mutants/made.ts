/** What a mutant's process and its parent know of each other. */

/** The variable of the environment that names the mutant. */
export const mutantVariable = "LITETAPES_MUTANT"

const key = Symbol.for("litetapes/mutants/files")
const registry = globalThis as { [key]?: Set<string> }

/** Files that were changed while they were loaded in this process. */
export const mutatedFiles = (): Set<string> => (registry[key] ??= new Set())
