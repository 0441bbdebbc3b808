/**
 * Fails unless every public export, and every member of a public interface, class or service, has a docstring.
 * `scripts/api/missingDocs.ts` has the rule and its exemptions.
 *
 * ```
 * node scripts/docsCheck.ts [--root FOLDER]
 * ```
 */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { missingDocs } from "./api/missingDocs.ts"

const { values } = parseArgs({
  options: { root: { type: "string", default: join(import.meta.dirname, "..") } }
})

try {
  const missing = missingDocs(values.root)
  if (missing.length > 0) {
    process.stderr.write(
      `${missing.length} public names have no docstring. Write one before each of these declarations:\n` +
        missing.map((name) => `  ${name}\n`).join("")
    )
    process.exitCode = 1
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
