/** The size of a folder on the disk. */
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"

/** Returns the bytes that a folder takes up, counted in whole blocks like `du`. */
export const diskBytes = (folder: string): number => {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    // A peer that closes in the background may remove a file meanwhile.
    bytes += (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.blocks ?? 0) * 512
  }
  return bytes
}
