/** The batches that a writer sends until it is killed: known to who kills it, too. */

/** Writers within the process: each waits for its own acknowledgement only. */
export const lanes = 3

export const tapeNames: ReadonlyArray<string> = ["alpha", "beta", "gamma"]

/** A record of batch `seq` of a lane: the `n`-th of `of`. */
export interface KillRecord {
  readonly [key: string]: number | string
  readonly run: number
  readonly lane: number
  readonly seq: number
  readonly n: number
  readonly of: number
  readonly text: string
}

/** What batch `seq` of `lane` appends, and where: up to three tapes, up to eight records. */
export const partsOf = (
  run: number,
  lane: number,
  seq: number
): Array<{ readonly tape: string; readonly records: Array<KillRecord> }> => {
  const tapes = 1 + (seq % tapeNames.length)
  const of = tapes + ((seq * 7 + lane) % 6)
  const parts = Array.from({ length: tapes }, (_, index) => ({
    tape: tapeNames[(lane + seq + index) % tapeNames.length]!,
    records: [] as Array<KillRecord>
  }))
  for (let n = 0; n < of; n++) {
    parts[n % tapes]!.records.push({ run, lane, seq, n, of, text: "x".repeat((n * 37 + seq) % 200) })
  }
  return parts
}
