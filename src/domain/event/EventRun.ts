/** The events of one segment, read line by line for an index and for the order of events. */
import type * as Event from "./Event.ts"
import { hashId } from "../base/Hash53.ts"
import { found, scanEvent, unknown } from "../json/canonicalScan.ts"
import { invariant } from "../base/invariant.ts"
import { depthMaxOf } from "../json/canonicalWriter.ts"
import { newline } from "../format/Format.ts"
import type { Limits } from "../format/Limits.ts"
import type { EventKey } from "../segment/SegmentIndex.ts"

/** The events of one stream in a run. */
export interface StreamRun {
  readonly stream: string
  readonly firstRevision: number
  lastRevision: number
}

/** What a run of events must follow, and what must follow it. */
export interface EventsSummary {
  /** −1 if there are no events. */
  readonly firstPosition: number
  readonly lastPosition: number
  readonly streams: Iterable<StreamRun>
}

/** Slots in which a stream is looked for before it is looked up by name. */
const slots = 1024

export class EventRun implements EventsSummary {
  readonly #depthMax: number
  readonly #streams = new Map<string, StreamRun>()
  readonly #recent = Array.from<StreamRun | undefined>({ length: slots })
  #firstPosition = -1
  #lastPosition = -1

  constructor(limits: Limits) {
    this.#depthMax = depthMaxOf(limits)
  }

  /** −1 if there are no events. */
  get firstPosition(): number {
    return this.#firstPosition
  }

  get lastPosition(): number {
    return this.#lastPosition
  }

  get streamCount(): number {
    return this.#streams.size
  }

  get streams(): Iterable<StreamRun> {
    return this.#streams.values()
  }

  /**
   * Reads the line at `start` and returns where it ends. `key` is then the key of its event. If the bytes alone do not
   * prove the line canonical, `read` is given it, without its newline, and returns the event or throws.
   */
  next(lines: Uint8Array, start: number, read: (line: Uint8Array) => Event.RecordedEvent): number {
    const end = scanEvent(lines, start, this.#depthMax)
    if (end === unknown || lines[end] !== newline) return this.#readSlowly(lines, start, read)
    const run = this.#runAt(lines, found.streamStart, found.streamEnd, found.revision)
    const id = this.#ascii(lines, found.idStart, found.idEnd)
    this.#note(run, found.revision, found.position, id)
    return end
  }

  #key: EventKey | undefined

  /** Key of the event that was read last. */
  get key(): EventKey {
    return this.#key!
  }

  #readSlowly(lines: Uint8Array, start: number, read: (line: Uint8Array) => Event.RecordedEvent): number {
    const end = lines.indexOf(newline, start)
    invariant(end !== -1, "every line ends with a newline")
    const { id, position, revision, stream } = read(lines.subarray(start, end))
    this.#note(this.#runOf(stream, revision), revision, position, id)
    return end
  }

  #note(run: StreamRun, revision: number, position: number, id: string): void {
    run.lastRevision = revision
    if (this.#firstPosition === -1) this.#firstPosition = position
    this.#lastPosition = position
    const { stream } = run
    this.#key = { stream, revision, position, idHash: hashId(stream, id) }
  }

  /** Most streams soon occur again. Their name is then compared, and not decoded again. */
  #runAt(lines: Uint8Array, start: number, end: number, revision: number): StreamRun {
    let hash = 0
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + lines[at]!) | 0
    const slot = (hash ^ (hash >>> 15)) & (slots - 1)
    const recent = this.#recent[slot]
    if (recent !== undefined && isText(lines, start, end, recent.stream)) return recent
    const run = this.#runOf(this.#ascii(lines, start, end), revision)
    this.#recent[slot] = run
    return run
  }

  /** A view of the lines that are being read. */
  #view: Buffer = Buffer.alloc(0)

  #ascii(lines: Uint8Array, start: number, end: number): string {
    const { buffer, byteOffset, length } = lines
    const view = this.#view
    if (view.buffer !== buffer || view.byteOffset !== byteOffset || view.length !== length) {
      this.#view = Buffer.from(buffer, byteOffset, length)
    }
    return this.#view.toString("latin1", start, end)
  }

  #runOf(stream: string, revision: number): StreamRun {
    const known = this.#streams.get(stream)
    if (known !== undefined) return known
    const run = { stream, firstRevision: revision, lastRevision: revision }
    this.#streams.set(stream, run)
    return run
  }
}

const isText = (bytes: Uint8Array, start: number, end: number, text: string): boolean => {
  if (text.length !== end - start) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
