/** By how much this process grows, as Linux says it. */
import * as fs from "node:fs"

/** Where the system tells of this process. */
const ownFolder = "/proc/self"

/** How much the process grew at its largest, in bytes, or why that is not known. */
export type Growth = { readonly bytes: number } | { readonly unknown: string }

/**
 * Makes the system forget how large the process has been. What comes back says by how much it has been larger since than
 * it was then. Never throws: where something is not to be had, the growth is unknown.
 */
export const startMeasuring = (folder = ownFolder): (() => Growth) => {
  try {
    fs.writeFileSync(`${folder}/clear_refs`, "5")
    const before = statusBytes(folder, "VmRSS")
    return () => orUnknown(() => ({ bytes: Math.max(0, statusBytes(folder, "VmHWM") - before) }))
  } catch (error) {
    const unknown = reasonOf(error)
    return () => ({ unknown })
  }
}

const orUnknown = (measure: () => Growth): Growth => {
  try {
    return measure()
  } catch (error) {
    return { unknown: reasonOf(error) }
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const statusBytes = (folder: string, field: string): number => {
  const file = `${folder}/status`
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(fs.readFileSync(file, "utf8"))?.[1]
  if (kibibytes === undefined) throw new Error(`${file} has no ${field}`)
  return Number(kibibytes) * 1024
}
