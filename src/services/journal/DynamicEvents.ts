/**
 * Where the events of one dynamic segment are, by stream: columns of numbers rather than an object an event. Derived
 * from the segment; it lives as long as the file does.
 */
import { rowNumbers } from "../../domain/event/EventRows.ts"
import { newline } from "../../domain/format/Format.ts"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import { hashId } from "../../domain/base/Hash53.ts"
import { crc32Byte } from "../../domain/base/crc32Byte.ts"
import { crc32Combine } from "../../domain/base/crc32Combine.ts"
import { invariant } from "../../domain/base/invariant.ts"

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

/** A class, since V8 may put what object literals make where garbage is collected late (docs/PERFORMANCE.md, Memory). */
class Row implements EventLine {
  readonly stream: string
  readonly offset: number
  readonly length: number
  readonly crc: number
  readonly revision: number
  readonly position: number
  readonly idHash: number

  /** The row that begins at `at` of the columns. */
  constructor(stream: string, columns: Float64Array, at: number) {
    this.stream = stream
    this.offset = columns[at]!
    this.length = columns[at + 1]!
    this.crc = columns[at + 2]!
    this.revision = columns[at + 3]!
    this.position = columns[at + 4]!
    this.idHash = columns[at + 5]!
  }
}

/** The events of one stream in the file: consecutive revisions. */
export interface StreamRows {
  readonly firstRevision: number
  readonly count: number
}

/** Numbers kept of each row: its offset, and what `EventRows` says of it, in that order. */
const width = 1 + rowNumbers

const markEvery = 256

export class DynamicEvents {
  /** Lines of the file that hold these events, in file order; grows by doubling. */
  #columns = new Float64Array(width * 1024)
  /** Of each row its stream, and the next row of that stream: −1 behind the last. */
  #links = new Int32Array(2 * 1024)
  #count = 0
  readonly #streamOf = new Map<string, number>()
  /** Of each stream its name; its first row, its last, and how many it has. One string a stream, whatever its events. */
  readonly #names: Array<string> = []
  #streams = new Int32Array(3 * 256)
  /** Of each stream with more rows than that every `markEvery`-th of them: no stream is walked from its beginning. */
  readonly #marks: Array<Array<number> | undefined> = []
  #ids: Map<number, Array<number>> | undefined

  get count(): number {
    return this.#count
  }

  /** Adds the event whose line comes next in the file. */
  add(event: EventLine): void {
    const row = this.#count
    if (row * width === this.#columns.length) this.#growRows()
    const at = row * width
    this.#columns[at] = event.offset
    this.#columns[at + 1] = event.length
    this.#columns[at + 2] = event.crc
    this.#columns[at + 3] = event.revision
    this.#columns[at + 4] = event.position
    this.#columns[at + 5] = event.idHash
    this.#links[2 * row] = this.#addToStream(event.stream, event.revision, row)
    this.#links[2 * row + 1] = -1
    this.#ids?.set(event.idHash, [...(this.#ids.get(event.idHash) ?? []), row])
    this.#count++
  }

  /** Gives the stream's number. */
  #addToStream(name: string, revision: number, row: number): number {
    const known = this.#streamOf.get(name)
    if (known === undefined) {
      const added = this.#names.push(name) - 1
      this.#marks.push(undefined)
      this.#streamOf.set(name, added)
      if (3 * added === this.#streams.length) this.#growStreams()
      this.#streams[3 * added] = row
      this.#streams[3 * added + 1] = row
      this.#streams[3 * added + 2] = 1
      return added
    }
    const last = this.#streams[3 * known + 1]!
    invariant(revision === this.#columns[last * width + 3]! + 1, "revisions of a stream have no gaps")
    this.#links[2 * last + 1] = row
    this.#streams[3 * known + 1] = row
    const nth = this.#streams[3 * known + 2]!++
    if (nth % markEvery === 0) (this.#marks[known] ??= []).push(row)
    return known
  }

  #growRows(): void {
    const columns = new Float64Array(2 * this.#columns.length)
    columns.set(this.#columns)
    this.#columns = columns
    const links = new Int32Array(2 * this.#links.length)
    links.set(this.#links)
    this.#links = links
  }

  #growStreams(): void {
    const streams = new Int32Array(2 * this.#streams.length)
    streams.set(this.#streams)
    this.#streams = streams
  }

  row(index: number): EventLine {
    return new Row(this.#names[this.#links[2 * index]!]!, this.#columns, index * width)
  }

  /** Puts the numbers of `count` rows from `first` on to where a row of `EventRows` begins. */
  copyNumbers(first: number, count: number, into: Float64Array, at: number): void {
    // All but the offset: a segment has its own.
    for (let row = first * width + 1, end = at; row < (first + count) * width; row += width) {
      for (let i = 0; i < rowNumbers; i++) into[end++] = this.#columns[row + i]!
    }
  }

  /** The number that the stream of a row has in this file. */
  streamAt(row: number): number {
    return this.#links[2 * row]!
  }

  /** The name of the stream with this number. */
  nameOf(stream: number): string {
    return this.#names[stream]!
  }

  /** What the file has of a stream now; `undefined` where that is nothing. */
  stream(name: string): StreamRows | undefined {
    const known = this.#streamOf.get(name)
    if (known === undefined) return undefined
    const firstRevision = this.#columns[this.#streams[3 * known]! * width + 3]!
    return { firstRevision, count: this.#streams[3 * known + 2]! }
  }

  /** The events of a stream from its `from`-th in this file on, by revision; fewer than `count` where it has no more. */
  rowsOf(name: string, from: number, count: number): Array<EventLine> {
    const rows: Array<EventLine> = []
    const known = this.#streamOf.get(name)
    if (known === undefined) return rows
    const marks = this.#marks[known] ?? []
    const mark = Math.min(Math.floor(from / markEvery), marks.length)
    let row = mark === 0 ? this.#streams[3 * known]! : marks[mark - 1]!
    for (let at = mark * markEvery; row !== -1 && at < from + count; at++) {
      if (at >= from) rows.push(this.row(row))
      row = this.#links[2 * row + 1]!
    }
    return rows
  }

  /** CRC-32 of the lines of `count` rows from `first` on, each with its newline. */
  crcOf(first: number, count: number): number {
    let crc = 0
    for (let at = first * width; at < (first + count) * width; at += width) {
      crc = crc32Byte(crc32Combine(crc, this.#columns[at + 2]!, this.#columns[at + 1]!), newline)
    }
    return crc
  }

  /** The last revision of a stream in this file, or `undefined` where it has none. */
  lastRevision(stream: string): number | undefined {
    const known = this.stream(stream)
    return known === undefined ? undefined : known.firstRevision + known.count - 1
  }

  /** Rows that may be the event `id` of `stream`; each must be checked against its line. */
  findId(stream: string, id: string): ReadonlyArray<number> {
    if (this.#ids === undefined) {
      // Made at the first look-up only: most writers never name an id.
      this.#ids = new Map()
      for (let index = 0; index < this.#count; index++) {
        const hash = this.#columns[index * width + 5]!
        const rows = this.#ids.get(hash)
        if (rows === undefined) this.#ids.set(hash, [index])
        else rows.push(index)
      }
    }
    return this.#ids.get(hashId(stream, id)) ?? []
  }

  /** The first row whose line begins at or behind `offset`. */
  rowAt(offset: number): number {
    return firstNotBefore(this.#count, (row) => this.#columns[row * width]! < offset)
  }
}
