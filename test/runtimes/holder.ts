/**
 * A second process. Started by itself, this file opens a lib for writing, and either appends on
 * demand or ends at once.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as PromiseStore from "litetapes/PromiseStore"

interface Holder {
  /** Appends events one by one, and resolves once all of them are acknowledged. */
  readonly append: (events: number) => Promise<void>
  /** Kills the process with SIGKILL. */
  readonly kill: () => Promise<void>
}

const start = (command: ReadonlyArray<string>, args: ReadonlyArray<string>) => {
  const [program, ...flags] = command
  const child: ChildProcess = spawn(program!, [...flags, fileURLToPath(import.meta.url), "child", ...args], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const { done, value } = await lines.next()
    if (done === true) throw new Error("the other process has ended")
    return value
  }
  return { child, line }
}

/** Starts a process that holds the lib at `location` open for writing. */
export const holder = async (command: ReadonlyArray<string>, location: string): Promise<Holder> => {
  const { child, line } = start(command, [location, "hold"])
  const said = await line()
  if (said !== "opened") throw new Error(`the other process could not open the lib: ${said}`)
  return {
    append: async (events) => {
      child.stdin!.write(`${events}\n`)
      if ((await line()) !== "appended") throw new Error("the other process did not append")
    },
    kill: async () => {
      const ended = once(child, "exit")
      child.kill("SIGKILL")
      await ended
    }
  }
}

/** Opens and closes the lib in another process. Returns `opened`, or the tag of the error. */
export const tryToOpen = async (command: ReadonlyArray<string>, location: string): Promise<string> => {
  const { child, line } = start(command, [location, "try"])
  const ended = once(child, "exit")
  const said = await line()
  await ended
  return said
}

const isProgram = process.argv[2] === "child"
if (isProgram) {
  const [location, what] = process.argv.slice(3)
  try {
    const store = await PromiseStore.open(location!)
    process.stdout.write("opened\n")
    if (what === "hold") {
      for await (const line of createInterface({ input: process.stdin })) {
        for (let n = 0; n < Number(line); n++) await store.append("a-1", [{ type: "Appended", data: { n } }])
        process.stdout.write("appended\n")
      }
    }
    await store.close()
  } catch (error) {
    process.stdout.write(`${(error as { readonly _tag?: string })._tag ?? String(error)}\n`)
  }
}
