/** Hides what is this process's own, so that a seed gives the same images in every process and on every machine. */
import { syncBuiltinESMExports } from "node:module"
import os from "node:os"

/**
 * Gives this process a fixed id and a fixed host name. A writer notes both in a file, and how an image is treated follows
 * from all of its bytes. Not for a process that takes locks on a real disk: their kernel lists them by id.
 */
export const beAnonymous = (): void => {
  Object.defineProperty(process, "pid", { value: 1 })
  os.hostname = () => "simulated"
  syncBuiltinESMExports()
}
