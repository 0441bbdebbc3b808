/** The batches that a writer appends until it is killed. The process that kills it knows them too. */

/**
 * Number of lanes: concurrent appenders in the process, each waiting for its own acknowledgement. The last two append
 * events.
 */
export const lanes = 5

export const tapeNames: ReadonlyArray<string> = ["alpha", "beta", "gamma"]

/** The stream that both lanes of events append to, expecting any revision. */
const sharedStream = "audit-1"

export const streamNames: ReadonlyArray<string> = ["order-3", "bill-3", "order-4", "bill-4", sharedStream]

export const isEventLane = (lane: number): boolean => lane >= 3

/** Returns whether only one lane appends to `stream`; that lane knows its revision. */
export const isOwn = (stream: string): boolean => stream !== sharedStream

/** A record, or the data of an event, in batch `seq` of a lane: number `n` of `of`. */
export interface KillRecord {
  readonly [key: string]: number | string
  readonly run: number
  readonly lane: number
  readonly seq: number
  readonly n: number
  readonly of: number
  readonly text: string
}

/** The records that a batch appends to one tape or one stream. */
export interface Part {
  readonly place: string
  readonly records: Array<KillRecord>
}

/** Returns the parts of batch `seq` of `lane`: up to eight records for up to three tapes or streams. */
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
