/** A child process that takes a lock and holds it. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("./programs/holdLock.ts", import.meta.url))

export interface LockHolder {
  /** `held`, or the code of the error. */
  readonly said: string
  /** Returns what the child wrote to its standard error. */
  readonly complained: () => string
  /** Kills the child as a crash would, and waits until it has ended. */
  readonly kill: () => Promise<void>
}

/**
 * Starts a child, as user `uid` if given, and waits until it has the lock or was refused. The child collects its garbage before
 * it says so: a lock must not depend on what refers to it.
 */
export const startLockHolder = async (lockPath: string, uid?: number): Promise<LockHolder> => {
  const child: ChildProcess = spawn(process.execPath, ["--expose-gc", script, lockPath], {
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid })
  })
  const gone = once(child, "exit")
  let complaints = ""
  child.stderr!.on("data", (chunk: Buffer) => (complaints += chunk.toString()))
  let said = ""
  for await (const chunk of child.stdout!) {
    said += (chunk as Buffer).toString()
    if (said.includes("\n")) break
  }
  return {
    said: said.trim(),
    complained: () => complaints,
    kill: async () => {
      child.kill("SIGKILL")
      await gone
    }
  }
}
