/** One run of verifying: what it has checked so far, and the defects that it has found. */
import * as Effect from "effect/Effect"
import { Counter } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { Failure } from "./VerifyMeta.ts"
import type { Finding, KnownLoss, VerifyOptions, VerifyReport } from "./VerifyReport.ts"

/** What a run has checked and found so far. */
export interface Run {
  readonly lib: LibHandle
  readonly deep: boolean
  readonly counter: Counter
  /** Number of records in segments that the counter knows of, by tape. */
  readonly counted: Map<OpenTape, number>
  readonly bad: Array<Finding>
  readonly rebuilt: Array<string>
  segments: number
  records: number
  bytes: number
}

/** Begins a run over these tapes. */
export const begin = (lib: LibHandle, tapes: ReadonlyArray<OpenTape>, options: VerifyOptions): Run => {
  const all = tapes.flatMap((tape) => tape.state.segments)
  const total = {
    records: all.reduce((sum, segment) => sum + segment.records, 0),
    bytes: all.reduce((sum, segment) => sum + segment.bytes, 0)
  }
  const counter = new Counter(total, options.onProgress)
  const counted = new Map(tapes.map((tape) => [tape, tape.state.records]))
  const deep = options.depth !== "files"
  return { lib, deep, counter, counted, bad: [], rebuilt: [], segments: 0, records: 0, bytes: 0 }
}

/** Returns the report of a run. `listed` is the number of tapes, including those that could not be opened. */
export const end = (run: Run, tapes: ReadonlyArray<OpenTape>, listed: number): VerifyReport => ({
  ok: run.bad.length === 0,
  bad: run.bad,
  tapes: listed,
  segments: run.segments,
  records: run.records,
  bytes: run.bytes,
  indexesRebuilt: run.rebuilt,
  lost: tapes.flatMap(lossesOf),
  stuck: run.lib.journal.stuck
})

const lossesOf = ({ name, state }: OpenTape): Array<KnownLoss> =>
  state.lost.map(({ accepted, ordinal, positions, records, segment }) => ({
    tape: name,
    ordinal,
    records,
    positions,
    segment,
    accepted: accepted === true
  }))

/** Runs a check and notes its failure as a defect. */
export const check = <A>(run: Run, file: string, effect: Effect.Effect<A, Failure>): Effect.Effect<boolean> =>
  Effect.match(effect, {
    onFailure: (error) => {
      run.bad.push(findingOf(file, error))
      return false
    },
    onSuccess: () => true
  })

/** `file` is the one that the check reads, unless the error names another. */
export const findingOf = (file: string, error: Failure): Finding => {
  const offset = "offset" in error && typeof error.offset === "number" ? error.offset : 0
  const where = "file" in error && typeof error.file === "string" ? error.file : file
  return { file: where, offset, error: error._tag, why: error.message }
}
