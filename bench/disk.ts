/** What is on the disk. */
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"

/** Bytes that a folder takes, as `du` counts: whole blocks. */
export const diskBytes = (folder: string): number => {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512
  }
  return bytes
}
