/** The work of the thread that seals segments: it knows bytes and columns, and no files. */
import { crc32 } from "node:zlib"
import { crcOfRows, RowsReader } from "../../domain/event/EventRows.ts"
import { invariant } from "../../domain/base/invariant.ts"
import { type SealedSegment, SegmentSeal } from "../../domain/segment/SegmentSeal.ts"
import type { Ask, Reply } from "./sealMessages.ts"

type Tell = (reply: Reply, moved: Array<ArrayBuffer>) => void

interface Work {
  readonly seal: SegmentSeal
  readonly reader: RowsReader
}

/**
 * Answers every `add`, and every `finish` of a job that has begun, whatever happens. If a segment is bad, the answer
 * has no result. The caller then seals the segment itself, and reports what is wrong with it.
 */
export const sealWorkerHandler = (tell: Tell): ((ask: Ask) => void) => {
  const works = new Map<number, Work>()

  const attempt = (job: number, work: (its: Work) => void): void => {
    const its = works.get(job)
    if (its === undefined) return
    try {
      work(its)
    } catch {
      works.delete(job)
    }
  }

  return (ask) => {
    const { job } = ask
    switch (ask.kind) {
      case "begin":
        return void works.set(job, { seal: new SegmentSeal(ask.role, ask.before), reader: new RowsReader() })
      case "add": {
        const { bytes, length, rows } = ask
        attempt(job, (work) => add(work, bytes.subarray(0, length), rows))
        // The memory goes back in any case, to be used again.
        return tell({ kind: "added", job, bytes }, [bytes.buffer])
      }
      case "finish": {
        let sealed: SealedSegment | undefined
        attempt(job, ({ seal }) => {
          sealed = seal.finish()
        })
        works.delete(job)
        return tell({ kind: "finished", job, sealed }, sealed === undefined ? [] : [sealed.index.buffer as ArrayBuffer])
      }
      case "drop":
        works.delete(job)
    }
  }
}

const add = ({ reader, seal }: Work, lines: Uint8Array, rows: Extract<Ask, { kind: "add" }>["rows"]): void => {
  if (rows === undefined) return seal.add(lines)
  invariant(crcOfRows(rows) === crc32(lines), "rows are in file order, one for each line")
  seal.add(lines, reader.keysOf(rows))
}
