/**
 * Writes the public declarations of the package to `api/litetapes.api.md`, or compares them with that file.
 *
 * ```
 * node scripts/apiReport.ts [--check] [--root FOLDER]
 * ```
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { apiReport } from "./api/report.ts"

const file = "api/litetapes.api.md"

/** Returns the number of the first line that differs, counted from 1. */
const firstDifference = (a: string, b: string): number => {
  const [left, right] = [a.split("\n"), b.split("\n")]
  return left.findIndex((line, at) => line !== right[at]) + 1 || left.length + 1
}

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    root: { type: "string", default: join(import.meta.dirname, "..") }
  }
})

const main = (root: string, isCheck: boolean): number => {
  const report = apiReport(root)
  const path = join(root, file)
  if (!isCheck) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, report)
    return 0
  }
  const kept = existsSync(path) ? readFileSync(path, "utf8") : ""
  if (kept === report) return 0
  const line = firstDifference(kept, report)
  process.stderr.write(
    `The public declarations differ from ${file}, first at line ${line}. ` +
      "If the change is intended, run `npm run api` and commit the file.\n" +
      `  kept:  ${kept.split("\n")[line - 1] ?? "(nothing)"}\n  built: ${report.split("\n")[line - 1] ?? "(nothing)"}\n`
  )
  return 1
}

try {
  process.exitCode = main(values.root, values.check)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
