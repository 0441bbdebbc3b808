/**
 * The bytes of an event's line except its position and its revision, which are assigned when its batch is sealed. They
 * are written once, and only copied from then on; no text is made of them.
 */
import { Buffer } from "node:buffer"
import { newline } from "../format/Format.ts"
import type { Limits } from "../format/Limits.ts"
import { type EventField, TaraSONError } from "../json/TaraSONError.ts"
import * as Sink from "../json/canonicalSink.ts"
import { writeInto } from "../json/canonicalWriter.ts"
import { parseTrusted } from "../json/TaraSON.ts"
import { digitsOf, putDigits } from "../base/digits.ts"
import { invariant } from "../base/invariant.ts"
import type { PlacedData } from "./PlacedData.ts"

/** The contents of an event's line. Type, id, stream and time must be valid already. */
interface Fields {
  readonly type: string
  readonly data: unknown
  readonly id: string
  /** Whether the caller gave the id. */
  readonly isNamed: boolean
  /** What `data` was made of, if that depends on the stream and the id. */
  readonly placed: PlacedData | undefined
  readonly metadata: unknown
  readonly tags: unknown
  readonly stream: string
  readonly time: string
  /** Place in the append, for errors. */
  readonly index: number
}

/** Digits of the largest position and revision. */
const numberBytesMax = 16

const revisionKey = Buffer.from(',"revision":')

/** Bytes of both numbers, of what is between them, and of the newline. */
const restBytesMax = 2 * numberBytesMax + revisionKey.length + 1

const keys = {
  type: Buffer.from('{"$type":'),
  data: Buffer.from(',"data":'),
  id: Buffer.from(',"id":'),
  metadata: Buffer.from(',"metadata":'),
  position: Buffer.from(',"position":'),
  stream: Buffer.from(',"stream":'),
  tags: Buffer.from(',"tags":'),
  time: Buffer.from(',"time":')
}

/** Offsets of the parts of a line, from its first byte. */
class Places {
  typeEnd = 0
  dataEnd = 0
  /** The position goes here; the bytes from here on follow the revision. */
  headEnd = 0
  tagsStart = 0
  tagsEnd = 0
}

export class EncodedEvent {
  readonly id: string
  /** The caller gave the id, so the event may be known already. */
  readonly isNamed: boolean
  /** What its data was made of, if that depends on the stream and the id. */
  readonly placed: PlacedData | undefined
  /** Bytes of the line with its newline, at most. */
  readonly bytesMax: number
  readonly #memory: Buffer
  readonly #start: number
  readonly #end: number
  readonly #places: Places

  /** @internal */
  constructor({ id, isNamed, placed }: Fields, memory: Buffer, start: number, end: number, places: Places) {
    this.id = id
    this.isNamed = isNamed
    this.placed = placed
    this.bytesMax = end - start + restBytesMax
    this.#memory = memory
    this.#start = start
    this.#end = end
    this.#places = places
  }

  /** Writes the line with its newline to `at`, where there must be room for `bytesMax` bytes. Returns where it ends. */
  writeTo(target: Uint8Array, at: number, position: number, revision: number): number {
    const memory = this.#memory
    const start = this.#start
    const { headEnd } = this.#places
    target.set(memory.subarray(start, start + headEnd), at)
    let end = putCount(target, at + headEnd, position)
    for (let i = 0; i < revisionKey.length; i++) target[end++] = revisionKey[i]!
    end = putCount(target, end, revision)
    end = putEnd(target, end, memory, start + headEnd, this.#end)
    target[end] = newline
    return end + 1
  }

  /**
   * What decides whether two events with the same id are the same: type, data and tags, but not metadata. Compare with
   * `Event.isSameContent`.
   */
  get content(): string {
    const { dataEnd, tagsEnd, tagsStart, typeEnd } = this.#places
    return [
      this.#text(keys.type.length, typeEnd),
      this.#text(typeEnd + keys.data.length, dataEnd),
      this.#text(tagsStart, tagsEnd)
    ].join("\n")
  }

  /** The type, as it was given. */
  get type(): string {
    return parseTrusted(this.#text(keys.type.length, this.#places.typeEnd)) as string
  }

  /** The tags, as they were given. */
  get tags(): ReadonlyArray<string> {
    const { tagsEnd, tagsStart } = this.#places
    return tagsEnd - tagsStart === 2 ? noTags : (parseTrusted(this.#text(tagsStart, tagsEnd)) as ReadonlyArray<string>)
  }

  #text(start: number, end: number): string {
    return this.#memory.toString("utf8", this.#start + start, this.#start + end)
  }
}

const noTags: ReadonlyArray<string> = []

/** Up to this length, a loop over the bytes beats the native copy, which needs an object for its source. */
const shortEnd = 100

/** Copies the bytes that follow the revision. Returns where they end. */
const putEnd = (target: Uint8Array, at: number, memory: Buffer, from: number, to: number): number => {
  let end = at
  if (to - from > shortEnd) target.set(memory.subarray(from, to), at)
  else for (let byte = from; byte < to; byte++) target[end++] = memory[byte]!
  return at + to - from
}

/** Writes a whole number, 0 or more, in decimal digits. Returns where they end. */
const putCount = (target: Uint8Array, at: number, count: number): number => {
  if ((count | 0) !== count) {
    const text = String(count)
    for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i)
    return at + text.length
  }
  const end = at + digitsOf(count)
  putDigits(target, end, count)
  return end
}

/**
 * Encodes an event.
 *
 * @throws TaraSONError
 */
export const encodeEvent = (fields: Fields, limits: Limits): EncodedEvent => {
  const { recordBytesMax } = limits
  const places = new Places()
  Sink.begin(recordBytesMax)
  try {
    writeFields(fields, places, innerLimits(limits))
    const bytes = Sink.length() + restBytesMax
    if (bytes > recordBytesMax) {
      throw new TaraSONError({ pointer: "", reason: { _tag: "RecordTooLarge", bytes, recordBytesMax } })
    }
    const { memory, start } = placeFor(Sink.length())
    Sink.copyTo(memory, start)
    return new EncodedEvent(fields, memory, start, start + Sink.length(), places)
  } catch (error) {
    throw error instanceof TaraSONError ? inEvent(error, fields, places) : error
  } finally {
    Sink.end()
  }
}

/** Returns the error with the event that it is about. */
const inEvent = ({ pointer, reason }: TaraSONError, { index, stream }: Fields, places: Places): TaraSONError => {
  const field = unfinishedField(places)
  return new TaraSONError({ pointer, reason, stream, index, ...(field === undefined ? {} : { field }) })
}

/** Returns the field that was being written; `undefined` if all are written. */
const unfinishedField = ({ dataEnd, headEnd, tagsEnd }: Places): EventField | undefined => {
  if (dataEnd === 0) return "data"
  if (headEnd === 0) return "metadata"
  return tagsEnd === 0 ? "tags" : undefined
}

const writeFields = (fields: Fields, places: Places, inner: Limits): void => {
  const { type, data, id, metadata, stream, tags, time } = fields
  Sink.putBytes(keys.type)
  putText(type)
  places.typeEnd = Sink.length()
  Sink.putBytes(keys.data)
  putValue(data, "null", inner)
  places.dataEnd = Sink.length()
  Sink.putBytes(keys.id)
  putText(id)
  Sink.putBytes(keys.metadata)
  putValue(metadata, "{}", inner)
  Sink.putBytes(keys.position)
  places.headEnd = Sink.length()
  Sink.putBytes(keys.stream)
  putText(stream)
  Sink.putBytes(keys.tags)
  places.tagsStart = Sink.length()
  putValue(tags, "[]", inner)
  places.tagsEnd = Sink.length()
  Sink.putBytes(keys.time)
  putText(time)
  Sink.putByte(0x7d)
}

const putValue = (value: unknown, absent: string, inner: Limits): void =>
  value === undefined ? Sink.putAscii(absent) : writeInto(value, inner)

const putText = (text: string): void => invariant(Sink.putString(text), "the texts of an envelope are well-formed")

/** Returns the limits of values within an event. */
const innerLimits = (limits: Limits): Limits => {
  let inner = innerOf.get(limits)
  if (inner === undefined) {
    inner = { ...limits, depthMax: limits.depthMax - 1 }
    innerOf.set(limits, inner)
  }
  return inner
}

const innerOf = new WeakMap<Limits, Limits>()

/** Events share pieces of memory: a buffer of its own costs more than most events are worth. */
const pieceBytes = 64 * 1024
const sharedBytesMax = pieceBytes / 8

let piece = Buffer.allocUnsafeSlow(0)
let used = 0

const placeFor = (bytes: number): { readonly memory: Buffer; readonly start: number } => {
  if (bytes > sharedBytesMax) return { memory: Buffer.allocUnsafeSlow(bytes), start: 0 }
  if (used + bytes > piece.length) {
    piece = Buffer.allocUnsafeSlow(pieceBytes)
    used = 0
  }
  const start = used
  used += bytes
  return { memory: piece, start }
}
