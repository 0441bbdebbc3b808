/**
 * Where the events of one dynamic segment are, by stream: columns of numbers rather than an object an event. Derived
 * from the segment; it lives as long as the file does.
 */
import { hashId } from "../../domain/Hash53.ts"
import { invariant } from "../../domain/internal/invariant.ts"

/** One event's line in the file, without its newline. */
export interface EventLine {
  readonly stream: string
  readonly revision: number
  readonly position: number
  readonly idHash: number
  readonly offset: number
  readonly length: number
  readonly crc: number
}

/** The events of one stream in the file: consecutive revisions. */
export interface StreamRows {
  readonly firstRevision: number
  readonly rows: Array<number>
}

export class DynamicEvents {
  readonly streams = new Map<string, StreamRows>()
  /** Lines of the file that hold these events, in file order; grows by doubling. */
  #columns = new Float64Array(6 * 1024)
  readonly #names: Array<string> = []
  #ids: Map<number, Array<number>> | undefined
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Adds the event whose line comes next in the file. */
  add(event: EventLine): void {
    const at = this.#count * 6
    if (at === this.#columns.length) {
      const grown = new Float64Array(this.#columns.length * 2)
      grown.set(this.#columns)
      this.#columns = grown
    }
    this.#columns[at] = event.offset
    this.#columns[at + 1] = event.length
    this.#columns[at + 2] = event.crc
    this.#columns[at + 3] = event.revision
    this.#columns[at + 4] = event.position
    this.#columns[at + 5] = event.idHash
    const known = this.streams.get(event.stream)
    if (known === undefined) {
      this.streams.set(event.stream, { firstRevision: event.revision, rows: [this.#count] })
      this.#names.push(event.stream)
    } else {
      invariant(event.revision === known.firstRevision + known.rows.length, "revisions of a stream have no gaps")
      known.rows.push(this.#count)
      // One string a stream, however many events it has.
      this.#names.push(this.#names[known.rows[0]!]!)
    }
    this.#ids?.set(event.idHash, [...(this.#ids.get(event.idHash) ?? []), this.#count])
    this.#count++
  }

  row(index: number): EventLine {
    const at = index * 6
    return {
      stream: this.#names[index]!,
      offset: this.#columns[at]!,
      length: this.#columns[at + 1]!,
      crc: this.#columns[at + 2]!,
      revision: this.#columns[at + 3]!,
      position: this.#columns[at + 4]!,
      idHash: this.#columns[at + 5]!
    }
  }

  /** The last revision of a stream in this file, or `undefined` where it has none. */
  lastRevision(stream: string): number | undefined {
    const known = this.streams.get(stream)
    return known === undefined ? undefined : known.firstRevision + known.rows.length - 1
  }

  /** Rows that may be the event `id` of `stream`; each must be checked against its line. */
  findId(stream: string, id: string): ReadonlyArray<number> {
    if (this.#ids === undefined) {
      // Made at the first look-up only: most writers never name an id.
      this.#ids = new Map()
      for (let index = 0; index < this.#count; index++) {
        const hash = this.#columns[index * 6 + 5]!
        const rows = this.#ids.get(hash)
        if (rows === undefined) this.#ids.set(hash, [index])
        else rows.push(index)
      }
    }
    return this.#ids.get(hashId(stream, id)) ?? []
  }

  /** The first row whose line begins at or behind `offset`. */
  rowAt(offset: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#columns[middle * 6]! < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
