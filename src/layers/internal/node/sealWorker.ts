/**
 * The thread that seals segments: what `SealThread` starts. It knows bytes and columns, and no file; what goes wrong here
 * is found out again, and said, by whoever asked.
 */
import { parentPort } from "node:worker_threads"
import { crc32 } from "node:zlib"
import { crcOfRows, RowsReader } from "../../../domain/EventRows.ts"
import { invariant } from "../../../domain/internal/invariant.ts"
import { SegmentSeal } from "../../../domain/SegmentSeal.ts"
import type { Ask, Reply } from "./sealMessages.ts"

interface Work {
  readonly seal: SegmentSeal
  readonly reader: RowsReader
}

const works = new Map<number, Work>()

const add = ({ seal, reader }: Work, lines: Uint8Array, rows: Extract<Ask, { kind: "add" }>["rows"]): void => {
  if (rows === undefined) return seal.add(lines)
  invariant(crcOfRows(rows) === crc32(lines), "rows stand in file order, one for each line")
  seal.add(lines, reader.keysOf(rows))
}

const answer = (ask: Ask): void => {
  const { job } = ask
  switch (ask.kind) {
    case "begin":
      works.set(job, { seal: new SegmentSeal(ask.role, ask.before), reader: new RowsReader() })
      return
    case "add": {
      const { bytes, length, rows } = ask
      try {
        const work = works.get(job)
        if (work !== undefined) add(work, bytes.subarray(0, length), rows)
      } finally {
        // The memory goes back in any case: it is used again.
        tell({ kind: "added", job, bytes }, [bytes.buffer])
      }
      return
    }
    case "finish": {
      const sealed = works.get(job)?.seal.finish()
      works.delete(job)
      tell({ kind: "finished", job, sealed }, sealed === undefined ? [] : [sealed.index.buffer as ArrayBuffer])
      return
    }
    case "drop":
      works.delete(job)
  }
}

const port = parentPort!

const tell = (reply: Reply, moved: Array<ArrayBuffer>): void => port.postMessage(reply, moved)

port.on("message", (ask: Ask) => {
  try {
    answer(ask)
  } catch {
    // `finish` finds nothing, and says so.
    works.delete(ask.job)
  }
})
