/** Runs docs/reader.py as a program. */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { root } from "./documents.ts"

export interface Said {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const maxBuffer = 256 * 1024 * 1024

/** Nothing but the standard library: the reader needs no more, and starts in half the time. No bytecode is written. */
const standardLibrary = ["-I", "-S", "-B"]

/** Runs the reader; `searched` is where it finds other programs. */
export const runReader = (args: ReadonlyArray<string>, searched = process.env["PATH"]): Said => {
  const { status, stdout, stderr } = spawnSync(
    interpreter(),
    [...standardLibrary, path.join(root, "docs/reader.py"), ...args],
    { encoding: "utf8", maxBuffer, env: { ...process.env, PATH: searched, LC_ALL: "C" } }
  )
  return { status, stdout, stderr }
}

/** Whether the user has declared that Python is missing here, and that the tests may be skipped. */
export const leftOut = process.env["LITETAPES_NO_PYTHON"] === "1"

/** Throws if a program that the reader needs is not installed, and says what to do. */
export const requirePrograms = (): void => {
  interpreter()
  if (spawnSync("zstd", ["--version"]).error === undefined) return
  throw new Error(`The program zstd was not found, which docs/reader.py runs. ${whatToDo}`)
}

const whatToDo =
  "These tests show that docs/FORMAT.md is enough to read a lib, and are part of the suite: install it, or set LITETAPES_NO_PYTHON=1 to leave them out."

let found: string | undefined

/** Returns the path of Python itself, because `python3` may be a script that searches for it on every call. */
const interpreter = (): string => {
  if (found !== undefined) return found
  const code = "import sys; assert sys.version_info >= (3, 9); print(sys.executable)"
  const { status, stdout } = spawnSync("python3", ["-c", code], { encoding: "utf8" })
  if (status !== 0) throw new Error(`python3 (3.9 or later) was not found, which runs docs/reader.py. ${whatToDo}`)
  return (found = stdout.trim())
}
