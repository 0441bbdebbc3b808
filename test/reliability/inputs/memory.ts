/** Measures how much this process grows, as Linux reports it. */
import * as fs from "node:fs"

/** Folder in which Linux describes this process. */
const ownFolder = "/proc/self"

/** Growth of the process at its peak in bytes, or the reason why it is unknown. */
export type Growth = { readonly bytes: number } | { readonly unknown: string }

/**
 * Resets the peak that the system keeps for the process. The returned function gives the difference between the peak
 * since then and the size at that moment. Never throws: if the system does not report a value, the growth is unknown.
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
