/** The batches that a writer sends until it is killed: known to who kills it, too. */

/** Writers within the process: each waits for its own acknowledgement only. The last two write events. */
export const lanes = 5

export const tapeNames: ReadonlyArray<string> = ["alpha", "beta", "gamma"]

/** The stream that both lanes of events write to, with whatever is on it. */
const sharedStream = "audit-1"

export const streamNames: ReadonlyArray<string> = ["order-3", "bill-3", "order-4", "bill-4", sharedStream]

export const isEventLane = (lane: number): boolean => lane >= 3

/** Whether `stream` is written by one lane only, which then knows its revision. */
export const isOwn = (stream: string): boolean => stream !== sharedStream

/** A record, or the data of an event, of batch `seq` of a lane: the `n`-th of `of`. */
export interface KillRecord {
  readonly [key: string]: number | string
  readonly run: number
  readonly lane: number
  readonly seq: number
  readonly n: number
  readonly of: number
  readonly text: string
}

/** What a batch appends to one tape, or to one stream. */
export interface Part {
  readonly place: string
  readonly records: Array<KillRecord>
}

/** What batch `seq` of `lane` appends, and where: up to three tapes or streams, up to eight records. */
export const partsOf = (run: number, lane: number, seq: number): Array<Part> => {
  const names = isEventLane(lane) ? [`order-${lane}`, `bill-${lane}`, sharedStream] : tapeNames
  const places = 1 + (seq % names.length)
  const of = places + ((seq * 7 + lane) % 6)
  const parts = Array.from({ length: places }, (_, index) => ({
    place: names[(lane + seq + index) % names.length]!,
    records: [] as Array<KillRecord>
  }))
  for (let n = 0; n < of; n++) {
    parts[n % places]!.records.push({ run, lane, seq, n, of, text: "x".repeat((n * 37 + seq) % 200) })
  }
  return parts
}
