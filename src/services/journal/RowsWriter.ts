/** Copies rows of dynamic segments into columns for the worker thread, run by run. */
import { type EventRows, rowNumbers } from "../../domain/event/EventRows.ts"
import type { DynamicEvents } from "./DynamicEvents.ts"
import type { LivePart } from "./DynamicFile.ts"

export class RowsWriter {
  /** For each file, the number that a stream has here by the number that it has in the file. */
  readonly #numbers = new Map<DynamicEvents, Map<number, number>>()
  #next = 0

  /** Returns the rows of these parts, which lie in one file with these events. */
  write(events: DynamicEvents, run: ReadonlyArray<LivePart>): EventRows {
    const total = run.reduce((sum, { count }) => sum + count, 0)
    const rows = {
      numbers: new Float64Array(total * rowNumbers),
      streams: new Int32Array(total),
      names: [] as Array<string>
    }
    let at = 0
    for (const { count, offset } of run) {
      const first = events.rowAt(offset)
      events.copyNumbers(first, count, rows.numbers, at * rowNumbers)
      for (let row = first; row < first + count; row++) {
        rows.streams[at++] = this.#number(events, events.streamAt(row), rows.names)
      }
    }
    return rows
  }

  #number(events: DynamicEvents, stream: number, names: Array<string>): number {
    let numbers = this.#numbers.get(events)
    if (numbers === undefined) this.#numbers.set(events, (numbers = new Map()))
    let number = numbers.get(stream)
    if (number === undefined) {
      number = this.#next++
      numbers.set(stream, number)
      names.push(events.nameOf(stream))
    }
    return number
  }
}
