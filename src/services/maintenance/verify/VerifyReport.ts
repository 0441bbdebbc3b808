/** What verifying is asked for, and what it reports. */
import type { OnProgress } from "../../base/Progress.ts"
import type { TornTail } from "../../journal/DynamicScan.ts"
import type { StuckFile } from "../../journal/Journal.ts"

/** Options of verifying. */
export interface VerifyOptions {
  /**
   * `files` checks meta chains, and the length and hash of every segment: each file is the one that meta names.
   * `records` (the default) also checks every line, Merkle states, revisions and positions of events, and indexes.
   */
  readonly depth?: "files" | "records"
  /** Receives the progress after each segment. */
  readonly onProgress?: OnProgress
}

/** A defect that verifying found. */
export interface Finding {
  /** Path of the file, relative to the lib's folder, such as `readings/seg-000001.jsonl`. */
  readonly file: string
  /** Byte in the file; 0 if it is not known. */
  readonly offset: number
  /** `_tag` of the error that reading it fails with, such as `SegmentCorrupt`. */
  readonly error: string
  /** Message of that error. */
  readonly why: string
}

/** Records that a tape is known to have lost. Nothing that verifying found, and no defect. */
export interface KnownLoss {
  /** Name of the tape. */
  readonly tape: string
  /** The lost records came before the record that has this ordinal now. */
  readonly ordinal: number
  /** Number of lost records; null if it is not known, and perhaps none are lost. */
  readonly records: number | null
  /** On a tape of events: the first position that may be lost, and the first one after the loss. */
  readonly positions: readonly [first: number, end: number] | null
  /** File that was damaged or missing. */
  readonly segment: string
  /** Whether somebody has accepted the loss. */
  readonly accepted: boolean
}

/** Report of verifying. */
export interface VerifyReport {
  /** Whether there is no defect. */
  readonly ok: boolean
  /** All defects. */
  readonly bad: ReadonlyArray<Finding>
  /** Number of tapes, including those that could not be opened. */
  readonly tapes: number
  /** Number of segments that were checked. */
  readonly segments: number
  /** Number of records in these segments. */
  readonly records: number
  /** Size of these segments as they are stored. */
  readonly bytes: number
  /** Segments whose index was missing, or differed from a rebuild. It was rebuilt; nothing was lost. */
  readonly indexesRebuilt: ReadonlyArray<string>
  /** Where the last dynamic segment ends too early, as in the report of opening. No defect by itself. */
  readonly tornTail?: TornTail
  /** Records that were lost before and are known to be: they are not in `bad`. */
  readonly lost: ReadonlyArray<KnownLoss>
  /** Dynamic segments that this writer cannot close, and why. Nothing is lost, but they stay. */
  readonly stuck: ReadonlyArray<StuckFile>
}
