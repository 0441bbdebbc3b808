/** What the thread that seals segments does: it knows bytes and columns, and no file. */
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
 * Answers every `add` and every `finish` of what it could begin, whatever happens. What goes wrong with a segment is found out again, and said,
 * by whoever asked: here nothing is found then.
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
        // The memory goes back in any case: it is used again.
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
  invariant(crcOfRows(rows) === crc32(lines), "rows stand in file order, one for each line")
  seal.add(lines, reader.keysOf(rows))
}
