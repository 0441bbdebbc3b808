/** Dynamic segments whose batches are forged but consistent. */
import * as Effect from "effect/Effect"
import { markHash, markPrefix, markText } from "../../src/domain/journal/Batch.ts"
import type { Commit } from "../../src/domain/meta/SystemRecord.ts"
import type { Root } from "../../src/services/ports/Storage.ts"
import { withoutRoom } from "./copyLib.ts"

/**
 * Changes the lines of batches in the first dynamic segment, where the first one is batch 0. The marks and the rest of
 * the chain are recomputed, so that the chain is valid.
 */
export const forgeBatches = (root: Root, change: (lines: string, batch: number) => string) =>
  Effect.gen(function* () {
    const [dynamic] = yield* root.journal.list
    const size = (yield* root.journal.size(dynamic!))!
    const text = Buffer.from(withoutRoom(yield* root.journal.read(dynamic!, 0, size))).toString()
    const [header, ...lines] = text.slice(0, -1).split("\n")
    let forged = `${header}\n`
    let batch = 0
    let own = ""
    let previous: string | undefined
    for (const line of lines) {
      if (!line.startsWith(markPrefix)) {
        own += `${line}\n`
        continue
      }
      const { $type: _, hash: __, ...read } = JSON.parse(line) as Commit
      const mark = { ...read, previous: previous ?? read.previous }
      const changed = change(own, batch++)
      previous = markHash(Buffer.from(changed), mark)
      forged += `${changed}${markText(mark, previous)}\n`
      own = ""
    }
    yield* root.journal.drop(dynamic!)
    yield* Effect.flatMap(root.journal.create(dynamic!, Buffer.from(forged)), (writer) => writer.close)
  })

/** Turns each event of a type into a line that is not JSON. */
export const spoilEvents = (root: Root, type: string) =>
  forgeBatches(root, (lines) => lines.replace(`"$type":"${type}","data":null`, `"$type":"${type}","data":nul!`))
