import { crc32 } from "node:zlib"
import { newline } from "../format/Format.ts"
import { hash53 } from "../base/Hash53.ts"
import { crc32Byte } from "../base/crc32Byte.ts"
import { crc32Combine } from "../base/crc32Combine.ts"
import type { Header, Kind } from "./indexLayout.ts"
import { encodeHeader, place, checksumPage } from "./indexLayout.ts"
import { offsetOfRow, pageBytes } from "./indexSections.ts"
import { isSortable, sortedOrder } from "./indexSort.ts"
import { type EncodedTerms, encodeTerms, writeTerms } from "./indexTerms.ts"
import { EventTerms } from "./terms.ts"
import { BadLine } from "../json/BadLine.ts"
import { invariant } from "../base/invariant.ts"

/** What the index needs to know of an event. `idHash` is `hashId(stream, id)`. */
export interface EventKey {
  readonly stream: string
  readonly revision: number
  readonly position: number
  readonly idHash: number
  /** CRC-32 of its line without the newline, if it is known already. */
  readonly crc?: number
}

/** Raw bytes of a block of several lines, at most. */
export const blockBytesMax = 64 * 1024

/**
 * Builds the index of one segment, line by line in order.
 *
 * It keeps columns of numbers instead of an object for each event: a segment may have millions of events.
 */
export class SegmentIndexBuilder {
  readonly #kind: Kind
  readonly #hashStream: (stream: string) => number
  #finished = false

  #records = 0
  #rawBytes = 0
  #firstPosition = -1
  #lastPosition = -1

  #blocks = 0
  #blockBytes = 0
  #blockCrc = 0
  #blockRecord = new Uint32Array(64)
  #blockOffset = new Uint32Array(64)
  #blockCrcs = new Uint32Array(64)
  #blockPosition = new Float64Array(64)

  /** Raw bytes up to the end of each frame, and the bytes of each frame in the file, as far as they are known. */
  readonly #frameEnd: Array<number> = []
  readonly #frameFileBytes: Array<number> = []

  readonly #streamOf = new Map<string, number>()
  readonly #streamCount: Array<number> = []
  readonly #streamRevision: Array<number> = []

  #offset = new Uint32Array(0)
  #length = new Uint32Array(0)
  #crc = new Uint32Array(0)
  #stream = new Uint32Array(0)
  #idHash = new Float64Array(0)
  #position = new Float64Array(0)
  readonly #terms = new EventTerms()

  /** `hashStream` is for tests, which need streams with the same hash. */
  constructor(kind: Kind, hashStream: (stream: string) => number = hash53) {
    this.#kind = kind
    this.#hashStream = hashStream
  }

  /**
   * Adds the next line, `chunk[start, end)` without its newline. `event` is given if and only if the segment holds
   * events.
   */
  add(chunk: Uint8Array, start: number, end: number, event?: EventKey): void {
    const bytes = end - start + 1
    invariant(!this.#finished, "nothing is added to a finished index")
    invariant(this.#rawBytes + bytes < 2 ** 32, "a segment has less than 2^32 raw bytes")
    invariant((event !== undefined) === (this.#kind === "events"), "events have keys, and other records do not")
    const starts = this.#blockBytes === 0 || this.#blockBytes + bytes > blockBytesMax
    if (event === undefined) {
      if (starts) this.#startBlock(-1)
      this.#blockCrc = crc32Byte(crc32(chunk.subarray(start, end), this.#blockCrc), newline)
    } else {
      const { crc = crc32(chunk.subarray(start, end)) } = event
      this.#addEvent(event, end - start, crc)
      this.#terms.add(chunk, start, end)
      if (starts) this.#startBlock(event.position)
      // A few steps on numbers, instead of another pass over the bytes.
      this.#blockCrc = crc32Byte(crc32Combine(this.#blockCrc, crc, end - start), newline)
    }
    this.#blockBytes += bytes
    this.#rawBytes += bytes
    this.#records++
  }

  /** Ends a frame of a compressed segment: it has the lines since the last one, and the next line begins another. */
  endFrame(): void {
    invariant(this.#rawBytes > (this.#frameEnd.at(-1) ?? 0), "a frame holds a line")
    this.#frameEnd.push(this.#rawBytes)
    this.#endBlock()
  }

  /**
   * Adds the number of bytes that the next frame, in order, takes in the file. Lines of later frames may come first.
   */
  addFrameBytes(fileBytes: number): void {
    invariant(fileBytes > 0, "a frame takes up bytes")
    this.#frameFileBytes.push(fileBytes)
  }

  /** Returns the index, ready to be written. The builder must not be used afterwards. */
  finish(segmentSha256Hex: string): Uint8Array {
    invariant(!this.#finished, "an index is finished once")
    this.#finished = true
    this.#checkFrames()
    this.#endBlock()
    const events = this.#kind === "events" ? this.#records : 0
    const streams = this.#placeStreams()
    const entryOf = this.#placeEvents(streams.firstEntry)
    const terms: EncodedTerms = encodeTerms(this.#terms, this.#position, entryOf)
    const header = place({
      segmentSha256: segmentSha256Hex,
      kind: this.#kind,
      records: this.#records,
      rawBytes: this.#rawBytes,
      firstPosition: this.#firstPosition,
      lastPosition: this.#lastPosition,
      rows: {
        blocks: this.#blocks,
        streams: this.#streamOf.size,
        entries: events,
        ids: events,
        frames: this.#frameEnd.length,
        terms: terms.hashes.length,
        postings: terms.postings.length
      }
    })
    const bytes = new Uint8Array(header.bytes)
    const view = new DataView(bytes.buffer)
    encodeHeader(header, view)
    this.#writeBlocks(header, view)
    this.#writeStreams(header, view, streams)
    this.#writeEntries(header, view, entryOf)
    this.#writeIds(header, view, entryOf)
    this.#writeFrames(header, view)
    writeTerms(header, view, terms)
    for (let page = 0; page < header.pages; page++) {
      checksumPage(segmentSha256Hex, page, bytes.subarray(page * pageBytes, (page + 1) * pageBytes))
    }
    return bytes
  }

  #addEvent({ stream, revision, position, idHash }: EventKey, length: number, crc: number): void {
    if (!(Number.isSafeInteger(position) && position > this.#lastPosition)) throw new BadLine("positions do not ascend")
    invariant(isSortable(idHash), "the hash of an id is an integer in [0, 2^53)")
    let number = this.#streamOf.get(stream)
    if (number === undefined) {
      if (!(Number.isSafeInteger(revision) && revision >= 0)) throw new BadLine("a revision is not a count")
      number = this.#streamOf.size
      this.#streamOf.set(stream, number)
      this.#streamCount.push(0)
      this.#streamRevision.push(revision)
    }
    if (revision !== this.#streamRevision[number]! + this.#streamCount[number]!) {
      throw new BadLine("the revisions of a stream are not consecutive")
    }
    this.#streamCount[number]!++
    const event = this.#records
    if (event === this.#offset.length) this.#growEvents()
    this.#offset[event] = this.#rawBytes
    this.#length[event] = length
    this.#crc[event] = crc
    this.#stream[event] = number
    this.#idHash[event] = idHash
    this.#position[event] = position
    if (event === 0) this.#firstPosition = position
    this.#lastPosition = position
  }

  #growEvents(): void {
    const length = Math.max(1024, 2 * this.#offset.length)
    this.#offset = grownTo(length, this.#offset)
    this.#length = grownTo(length, this.#length)
    this.#crc = grownTo(length, this.#crc)
    this.#stream = grownTo(length, this.#stream)
    this.#idHash = grownFloatsTo(length, this.#idHash)
    this.#position = grownFloatsTo(length, this.#position)
  }

  #startBlock(position: number): void {
    this.#endBlock()
    const block = this.#blocks++
    if (block === this.#blockRecord.length) {
      this.#blockRecord = grownTo(2 * block, this.#blockRecord)
      this.#blockOffset = grownTo(2 * block, this.#blockOffset)
      this.#blockCrcs = grownTo(2 * block, this.#blockCrcs)
      this.#blockPosition = grownFloatsTo(2 * block, this.#blockPosition)
    }
    this.#blockRecord[block] = this.#records
    this.#blockOffset[block] = this.#rawBytes
    this.#blockPosition[block] = position
  }

  #endBlock(): void {
    if (this.#blockBytes > 0) this.#blockCrcs[this.#blocks - 1] = this.#blockCrc
    this.#blockBytes = 0
    this.#blockCrc = 0
  }

  #writeBlocks({ blocks }: Header, view: DataView): void {
    for (let block = 0; block < blocks.rows; block++) {
      const row = offsetOfRow(blocks, block)
      const end = block + 1 < blocks.rows ? this.#blockOffset[block + 1]! : this.#rawBytes
      view.setUint32(row, this.#blockRecord[block]!, true)
      view.setUint32(row + 4, this.#blockOffset[block]!, true)
      view.setUint32(row + 8, end - this.#blockOffset[block]!, true)
      view.setUint32(row + 12, this.#blockCrcs[block]!, true)
      view.setFloat64(row + 16, this.#blockPosition[block]!, true)
    }
  }

  /** Returns the order of the streams by hash, and the first entry of each in the order of their first events. */
  #placeStreams(): PlacedStreams {
    const hashes = Float64Array.from(this.#streamOf.keys(), this.#hashStream)
    const firstEntry = new Uint32Array(hashes.length)
    const order = sortedOrder(hashes)
    let entries = 0
    for (const stream of order) {
      firstEntry[stream] = entries
      entries += this.#streamCount[stream]!
    }
    return { hashes, order, firstEntry }
  }

  /** Returns the entry of each event. */
  #placeEvents(firstEntry: Uint32Array): Uint32Array {
    const nextEntry = Uint32Array.from(firstEntry)
    const entryOf = new Uint32Array(this.#kind === "events" ? this.#records : 0)
    for (let event = 0; event < entryOf.length; event++) entryOf[event] = nextEntry[this.#stream[event]!]!++
    return entryOf
  }

  #writeStreams({ streams }: Header, view: DataView, { firstEntry, hashes, order }: PlacedStreams): void {
    order.forEach((stream, i) => {
      const row = offsetOfRow(streams, i)
      view.setFloat64(row, hashes[stream]!, true)
      view.setUint32(row + 8, firstEntry[stream]!, true)
      view.setUint32(row + 12, this.#streamCount[stream]!, true)
      view.setFloat64(row + 16, this.#streamRevision[stream]!, true)
    })
  }

  #writeEntries({ entries }: Header, view: DataView, entryOf: Uint32Array): void {
    for (let event = 0; event < entries.rows; event++) {
      const row = offsetOfRow(entries, entryOf[event]!)
      view.setUint32(row, this.#offset[event]!, true)
      view.setUint32(row + 4, this.#length[event]!, true)
      view.setUint32(row + 8, this.#crc[event]!, true)
    }
  }

  #writeIds({ ids }: Header, view: DataView, entryOf: Uint32Array): void {
    const idHashes = new Float64Array(ids.rows)
    for (let event = 0; event < ids.rows; event++) idHashes[entryOf[event]!] = this.#idHash[event]!
    sortedOrder(idHashes).forEach((entry, i) => {
      const row = offsetOfRow(ids, i)
      view.setFloat64(row, idHashes[entry]!, true)
      view.setUint32(row + 8, entry, true)
    })
  }

  #checkFrames(): void {
    invariant(this.#frameEnd.length === this.#frameFileBytes.length, "the size of every frame is known")
    invariant(
      this.#frameEnd.length === 0 || this.#frameEnd.at(-1) === this.#rawBytes,
      "every line of a compressed segment is in a frame"
    )
  }

  #writeFrames({ frames }: Header, view: DataView): void {
    let fileOffset = 0
    let rawOffset = 0
    for (let frame = 0; frame < frames.rows; frame++) {
      const row = offsetOfRow(frames, frame)
      view.setUint32(row, fileOffset, true)
      view.setUint32(row + 4, this.#frameFileBytes[frame]!, true)
      view.setUint32(row + 8, rawOffset, true)
      view.setUint32(row + 12, this.#frameEnd[frame]! - rawOffset, true)
      fileOffset += this.#frameFileBytes[frame]!
      rawOffset = this.#frameEnd[frame]!
      invariant(fileOffset < 2 ** 32, "a segment's file has less than 2^32 bytes")
    }
  }
}

interface PlacedStreams {
  readonly hashes: Float64Array
  readonly order: Uint32Array
  readonly firstEntry: Uint32Array
}

const grownTo = (length: number, column: Uint32Array): Uint32Array<ArrayBuffer> => {
  const grown = new Uint32Array(length)
  grown.set(column)
  return grown
}

const grownFloatsTo = (length: number, column: Float64Array): Float64Array<ArrayBuffer> => {
  const grown = new Float64Array(length)
  grown.set(column)
  return grown
}
