/**
 * The events of one dynamic segment by stream, in columns of numbers instead of an object for each event. Derived from
 * the segment, and kept as long as its file.
 */
import { rowNumbers } from "../../domain/event/EventRows.ts"
import { newline } from "../../domain/format/Format.ts"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import { hashId } from "../../domain/base/Hash53.ts"
import { crc32Byte } from "../../domain/base/crc32Byte.ts"
import { crc32Combine } from "../../domain/base/crc32Combine.ts"
import { invariant } from "../../domain/base/invariant.ts"
import type { EventTerms } from "../../domain/segment/terms.ts"

/** Line of one event in the file, without its newline. */
export interface EventLine {
  readonly stream: string
  readonly revision: number
  readonly position: number
  readonly idHash: number
  readonly offset: number
  readonly length: number
  readonly crc: number
}

/** A class, because V8 may allocate object literals where garbage is collected late (docs/PERFORMANCE.md, Memory). */
class Row implements EventLine {
  readonly stream: string
  readonly offset: number
  readonly length: number
  readonly crc: number
  readonly revision: number
  readonly position: number
  readonly idHash: number

  /** Builds the row that begins at index `at` of the columns. */
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

/** The events of one stream in the file, which have consecutive revisions. */
export interface StreamRows {
  readonly firstRevision: number
  readonly count: number
}

/** Numbers per row: the offset, then the numbers of `EventRows` in their order. */
const width = 1 + rowNumbers

const markEvery = 256

export class DynamicEvents {
  /** Numbers of the rows, in file order. Grows by doubling. */
  #columns = new Float64Array(width * 1024)
  /** Two numbers for each row: its stream, and the next row of that stream or −1. */
  #links = new Int32Array(2 * 1024)
  #count = 0
  readonly #streamOf = new Map<string, number>()
  /**
   * Name of each stream, a single string however many events it has. Below, its first row, its last row and its number
   * of rows.
   */
  readonly #names: Array<string> = []
  #streams = new Int32Array(3 * 256)
  /** Every `markEvery`-th row of each stream that has more, so that no stream is walked from its beginning. */
  readonly #marks: Array<Array<number> | undefined> = []
  #ids: Map<number, Array<number>> | undefined
  #terms: EventTerms | undefined

  /** The terms of all events, by row; `undefined` before the first query that needs them. */
  get terms(): EventTerms | undefined {
    return this.#terms
  }

  /** Keeps the terms of all events; later ones are added with `addTerms`. */
  keepTerms(terms: EventTerms): void {
    invariant(terms.count === this.#count, "the terms of every row are known")
    this.#terms ??= terms
  }

  /** Adds the terms of the event that was added last, from its line `bytes[start, end)`, if they are kept. */
  addTerms(bytes: Uint8Array, start: number, end: number): void {
    this.#terms?.add(bytes, start, end)
  }

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

  /** Adds a row to its stream. Returns the number of the stream. */
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
    invariant(revision === this.#columns[last * width + 3]! + 1, "revisions of a stream are consecutive")
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

  /** Copies the numbers of `count` rows from row `first` to index `at` of `into`, where a row of `EventRows` begins. */
  copyNumbers(first: number, count: number, into: Float64Array, at: number): void {
    // Without the offset: a segment has offsets of its own.
    for (let row = first * width + 1, end = at; row < (first + count) * width; row += width) {
      for (let i = 0; i < rowNumbers; i++) into[end++] = this.#columns[row + i]!
    }
  }

  /** Returns where in the file a row's line begins. */
  offsetAt(row: number): number {
    return this.#columns[row * width]!
  }

  /** Returns the position of a row's event. */
  positionAt(row: number): number {
    return this.#columns[row * width + 4]!
  }

  /** Returns the number of a row's stream in this file. */
  streamAt(row: number): number {
    return this.#links[2 * row]!
  }

  /** Returns the name of the stream with this number. */
  nameOf(stream: number): string {
    return this.#names[stream]!
  }

  /** Returns the events of a stream that the file has now, or `undefined` if it has no events of the stream. */
  stream(name: string): StreamRows | undefined {
    const known = this.#streamOf.get(name)
    if (known === undefined) return undefined
    const firstRevision = this.#columns[this.#streams[3 * known]! * width + 3]!
    return { firstRevision, count: this.#streams[3 * known + 2]! }
  }

  /** Returns up to `count` events of a stream by revision, from its `from`-th event in this file. */
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

  /** Returns the CRC-32 of the lines of `count` rows from row `first`, including their newlines. */
  crcOf(first: number, count: number): number {
    let crc = 0
    for (let at = first * width; at < (first + count) * width; at += width) {
      crc = crc32Byte(crc32Combine(crc, this.#columns[at + 2]!, this.#columns[at + 1]!), newline)
    }
    return crc
  }

  /** Returns the last revision of a stream in this file, or `undefined` if the stream has no events here. */
  lastRevision(stream: string): number | undefined {
    const known = this.stream(stream)
    return known === undefined ? undefined : known.firstRevision + known.count - 1
  }

  /** Returns the rows that may be the event `id` of `stream`. The caller must compare each with its line. */
  findId(stream: string, id: string): ReadonlyArray<number> {
    if (this.#ids === undefined) {
      // Built at the first look-up, since most writers pass no ids.
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

  /** Returns the first row whose line begins at `offset` or later. */
  rowAt(offset: number): number {
    return firstNotBefore(this.#count, (row) => this.#columns[row * width]! < offset)
  }
}
