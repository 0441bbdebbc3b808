/** Damages a segment of a tape on a simulated disk. */
import * as DiskState from "../../../src/testing/DiskState.ts"

/** The mark of a tape with a damaged segment, among what a run has damaged. */
export const segmentLoss = (tape: string): string => `segment of ${tape}`

/** Bytes of a segment that surely is one block of its index, so that any damage costs all of its records. */
const blockBytes = 60_000

/**
 * Damages a segment of the tape in this folder: flips a bit of the first uncompressed one, or removes it if it is large.
 * Returns the records that are lost with it; `undefined` if there is no such segment.
 */
export const harmed = (
  state: DiskState.DiskState,
  folder: string
): { readonly state: DiskState.DiskState; readonly lost: ReadonlyArray<string> } | undefined => {
  const files = DiskState.contents(state)
  const meta = files.get(`${folder}/tape.meta.jsonl`)
  if (meta === undefined) return undefined
  for (const line of linesOf(meta)) {
    const path = `${folder}/${line["name"] as string}`
    const bytes = line["$type"] === "LiteTape.Segment" && line["compression"] === "none" ? files.get(path) : undefined
    if (bytes === undefined || line["same"] !== undefined) continue
    const damaged = Uint8Array.from(bytes)
    damaged[Math.floor(bytes.length / 2)]! ^= 1
    const isSmall = bytes.length < blockBytes
    return {
      state: DiskState.replaceFile(state, path, isSmall ? damaged : undefined),
      lost: linesOf(bytes).map((record) => record["t"] as string)
    }
  }
  return undefined
}

const linesOf = (bytes: Uint8Array): ReadonlyArray<Record<string, unknown>> =>
  Buffer.from(bytes)
    .toString("utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
