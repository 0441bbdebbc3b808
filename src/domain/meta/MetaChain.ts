/**
 * A meta file as a chain: each line is a system record that names the line before it by its record id. So a line that
 * was dropped, swapped or changed is detected, and two writers cannot both continue from one line unnoticed.
 */
import * as Result from "effect/Result"
import * as Shape from "../base/Shape.ts"
import { reader } from "../base/readShape.ts"
import { EpochRegression, ForkDetected, MetaCorrupt, MetaInvalid, UnsupportedFormat } from "../format/Errors.ts"
import { isKnownFormat, newline } from "../format/Format.ts"
import { defaultLimits, type Limits } from "../format/Limits.ts"
import { Compression, LibRecord, TapeEnd, TapeRecord, type Unchained } from "./SystemRecord.ts"
import { Placement } from "../format/Placement.ts"
import { shortened } from "../json/describeError.ts"
import * as TaraSON from "../json/TaraSON.ts"
import { TaraSONError } from "../json/TaraSONError.ts"

/** Errors in the bytes of a meta. */
export type ChainError = MetaCorrupt | MetaInvalid | ForkDetected | UnsupportedFormat

/** A meta that was read and checked. */
export interface Chain<R> {
  readonly records: ReadonlyArray<R>
  /** Record id of the last record, which the next one must name. */
  readonly end: string | null
  /** Bytes of whole, valid lines. After them there may be a torn last record, or the line that ends a tape's meta. */
  readonly goodBytes: number
  readonly torn: boolean
}

/**
 * Returns the limits of a meta's records. They exceed those of user records, to hold a Merkle state or a user value.
 */
const metaLimits = (limits: Limits): Limits => ({
  ...limits,
  depthMax: limits.depthMax + 8,
  recordBytesMax: limits.recordBytesMax + 64 * 1024
})

/** Returns the lines of `records`, to follow the line with record id `end`, and the record id of the last of them. */
export const write = <R extends LibRecord | TapeRecord | TapeEnd>(
  end: string | null,
  records: ReadonlyArray<Unchained<R>>,
  limits: Limits = defaultLimits
): { readonly bytes: Uint8Array; readonly end: string | null } => {
  const lines: Array<string> = []
  let previous = end
  for (const record of records) {
    const unsealed = TaraSON.encodeSystem({ ...record, previous }, metaLimits(limits))
    const line = TaraSON.encodeSystem({ ...record, hash: ownHashOf(unsealed), previous }, metaLimits(limits))
    previous = TaraSON.recordId(line)
    lines.push(line, "\n")
  }
  return { bytes: TaraSON.toBytes(lines.join("")), end: previous }
}

/** Bytes of a meta, and the record id of their last record, which the next one must name. */
export interface Written {
  readonly bytes: Uint8Array
  readonly end: string | null
}

/** Returns a whole tape meta: `records`, the first of them LiteTape.Meta, and the line that marks the end. */
export const writeTape = (records: ReadonlyArray<Unchained<TapeRecord>>, limits: Limits = defaultLimits): Written => {
  const ended = records.map((record) =>
    record.$type === "LiteTape.Meta" ? { ...record, ended: true as const } : record
  )
  return withEnd(write<TapeRecord>(null, ended, limits))
}

/**
 * Returns a tape meta with one more record. `bytes` is the meta as it was read, `end` the record id of its last record.
 * Returns `undefined` if its end is not marked, as in early versions: it must then be written whole.
 */
export const extendTape = (
  bytes: Uint8Array,
  end: string | null,
  record: Unchained<TapeRecord>,
  limits: Limits = defaultLimits
): Written | undefined => {
  const body = bytes.subarray(0, lastLine(bytes))
  if (!bytes.subarray(body.length, body.length + endPrefix.length).every((byte, at) => byte === endPrefix[at])) {
    return undefined
  }
  const written = withEnd(write<TapeRecord>(end, [record], limits))
  return { bytes: Buffer.concat([body, written.bytes]), end: written.end }
}

const endPrefix = Buffer.from('{"$type":"LiteTape.End",', "latin1")

const withEnd = ({ bytes, end }: Written): Written => {
  const mark = write<TapeEnd>(end, [{ $type: "LiteTape.End" }])
  return { bytes: Buffer.concat([bytes, mark.bytes]), end }
}

/** Returns where the last line begins. */
const lastLine = (bytes: Uint8Array): number =>
  bytes.length < 2 ? 0 : bytes.lastIndexOf(newline, bytes.length - 2) + 1

const decodeLib = reader(LibRecord, { onExcessProperty: "error" })
const TapeLine = Shape.Union([...TapeRecord.members, TapeEnd])
export type TapeLine = typeof TapeLine.Type
const decodeTape = reader(TapeLine, { onExcessProperty: "error" })
const libTypes = new Set<unknown>(LibRecord.members.map((member) => member.fields.$type.literal))
const tapeTypes = new Set<unknown>(TapeLine.members.map((member) => member.fields.$type.literal))

/** Lines of lib meta, none of which may be torn. */
export const libKind: Kind<LibRecord> = { decode: decodeLib, types: libTypes, tornTail: false }
export const tapeKind: Kind<TapeLine> = { decode: decodeTape, types: tapeTypes, tornTail: false }

/**
 * Reads a lib's meta. It is appended to in place, so a crash may tear its last record: a torn one is dropped.
 *
 * @throws ChainError
 */
export const readLib = (meta: string, bytes: Uint8Array, limits: Limits = defaultLimits): Chain<LibRecord> =>
  read(meta, bytes, limits, { ...libKind, tornTail: true })

/**
 * Reads a tape's meta. It is only ever replaced whole, so every line must be valid, and the last one must mark the end.
 *
 * @throws ChainError
 */
export const readTape = (meta: string, bytes: Uint8Array, limits: Limits = defaultLimits): Chain<TapeRecord> => {
  const chain = read(meta, bytes, limits, tapeKind)
  const records = chain.records.filter((record) => record.$type !== "LiteTape.End")
  const [first, last] = [chain.records[0], chain.records.at(-1)]
  const isEnded = first?.$type === "LiteTape.Meta" && first.ended === true
  const ends = chain.records.length - records.length
  if (isEnded && ends === 0) throw corrupt(meta, records.length + 1, bytes.length, "its end is missing")
  if (!isEnded && ends === 0) return { ...chain, records }
  if (!isEnded || ends > 1 || last?.$type !== "LiteTape.End") {
    const line = chain.records.findIndex((record) => record.$type === "LiteTape.End") + 1
    throw new MetaInvalid({
      meta,
      line,
      offset: lineOffset(bytes, line),
      why: "LiteTape.End is not the last line"
    })
  }
  return { ...chain, records, end: last.previous, goodBytes: lastLine(bytes) }
}

/** Runs a fold of the lines of `bytes`, and adds to its errors the byte at which their line begins. */
export const folding = <A>(bytes: Uint8Array, fold: () => A): A => {
  try {
    return fold()
  } catch (error) {
    const isPlaced = (error instanceof MetaInvalid || error instanceof EpochRegression) && error.line >= 1
    if (!isPlaced || error.offset !== undefined) throw error
    const { meta, line } = error
    const offset = lineOffset(bytes, line)
    throw error instanceof MetaInvalid
      ? new MetaInvalid({ meta, line, offset, why: error.why })
      : new EpochRegression({ meta, line, offset, epoch: error.epoch, after: error.after })
  }
}

/** Returns where a line begins. Lines are counted from 1. */
const lineOffset = (bytes: Uint8Array, line: number): number => {
  let offset = 0
  for (let at = 1; at < line && offset < bytes.length; at++) offset = bytes.indexOf(newline, offset) + 1 || bytes.length
  return offset
}

/** How the lines of one kind of meta are read. */
export interface Kind<R> {
  readonly decode: (input: unknown) => Result.Result<R, { readonly message: string }>
  readonly types: ReadonlySet<unknown>
  readonly tornTail: boolean
}

const read = <R extends { readonly previous: string | null }>(
  meta: string,
  bytes: Uint8Array,
  limits: Limits,
  kind: Kind<R>
): Chain<R> => {
  if (bytes.length > limits.metaBytesMax) {
    throw new MetaInvalid({ meta, line: 0, why: `it has ${bytes.length} bytes, the limit is ${limits.metaBytesMax}` })
  }
  const records: Array<R> = []
  const ends = new Set<string | null>()
  let end: string | null = null
  let start = 0
  while (start < bytes.length) {
    const at = bytes.indexOf(newline, start)
    const last = at === -1 || at === bytes.length - 1
    try {
      if (at === -1) throw corrupt(meta, records.length + 1, start, "the last line has no newline")
      const line = bytes.subarray(start, at)
      const record = readLine(meta, records.length + 1, start, line, limits, kind)
      if (record.previous !== end) {
        // A valid record in the wrong place is not a torn write, so it is never dropped.
        if (ends.has(record.previous)) throw new ForkDetected({ meta, line: records.length + 1, offset: start })
        const why = "it does not follow the line before it"
        throw new MetaInvalid({ meta, line: records.length + 1, offset: start, why })
      }
      ends.add(end)
      end = TaraSON.recordId(line)
      records.push(record)
    } catch (error) {
      if (last && kind.tornTail && error instanceof MetaCorrupt && !holdsTwo(bytes.subarray(start))) {
        return { records, end, goodBytes: start, torn: true }
      }
      throw error
    }
    start = at + 1
  }
  return { records, end, goodBytes: bytes.length, torn: false }
}

/** Returns whether the newline between two records is damaged. A torn write is of one record. */
const holdsTwo = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes('{"$type":', 1)

/** Returns the hash that seals a record: over its canonical form without `hash`. */
const ownHashOf = (unsealed: string): string => TaraSON.recordId(unsealed).slice("sha256:".length)

/**
 * Returns the canonical text of a record without its seal. `bytes` are canonical, so usually the seal is only cut out.
 */
const textWithoutHash = (bytes: Uint8Array, seal: string, value: TaraSON.JsonObject, limits: Limits): string => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
  const member = `"hash":"${seal}",`
  const at = text.indexOf(member)
  // A member of an inner object may look the same, and a seal that is not a hash may need escapes.
  if (at !== -1 && !text.includes(member, at + 1)) return text.slice(0, at) + text.slice(at + member.length)
  const { hash: _, ...rest } = value
  return TaraSON.encodeValue(rest, metaLimits(limits))
}

export const readLine = <R>(
  meta: string,
  line: number,
  offset: number,
  bytes: Uint8Array,
  limits: Limits,
  kind: Kind<R>
): R => {
  let value
  try {
    value = TaraSON.parseCanonical(bytes, metaLimits(limits))
  } catch (error) {
    if (error instanceof TaraSONError) throw corrupt(meta, line, offset, error.reason._tag)
    throw error
  }
  const { hash: seal } = value
  if (typeof seal === "string" && seal !== ownHashOf(textWithoutHash(bytes, seal, value, limits))) {
    throw corrupt(meta, line, offset, "the record does not match its hash")
  }
  if (hasConstructor(bytes))
    throw new MetaInvalid({ meta, line, offset, why: "ForbiddenKey: it has a key `constructor`" })
  // Every version seals its records. One without a seal is damaged, and tells nothing about versions.
  const found = typeof seal === "string" ? laterVersion(value, kind) : undefined
  if (found !== undefined) throw new UnsupportedFormat({ file: meta, offset, found })
  const decoded = kind.decode(value)
  if (Result.isFailure(decoded)) throw new MetaInvalid({ meta, line, offset, why: shortened(decoded.failure.message) })
  return decoded.success
}

/** Returns what in a record is of a later version of the format, or `undefined`. */
const laterVersion = (value: TaraSON.JsonObject, { types }: Pick<Kind<unknown>, "types">): string | undefined => {
  const type = value["$type"]
  if (!types.has(type)) return describeType(type)
  const format = value["format"]
  if (typeof format === "number" && !isKnownFormat(format)) return `format version ${format}`
  return unknownChoice(value)
}

/** In canonical bytes this can only be a key: within a string, its quotes would be escaped. */
const hasConstructor = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('"constructor":')

const compressions = new Set<unknown>(Compression.literals)
const placements = new Set<unknown>(Placement.members.map((member) => member.fields.kind.literal))

/** Returns a codec or a placement of a later version, if the record has one. */
const unknownChoice = ({ compression, placement }: TaraSON.JsonObject): string | undefined => {
  if (typeof compression === "string" && !compressions.has(compression))
    return describeChoice("compression", compression)
  const kind = typeof placement === "object" && placement !== null && "kind" in placement ? placement.kind : undefined
  return typeof kind === "string" && !placements.has(kind) ? describeChoice("placement", kind) : undefined
}

const describeChoice = (field: string, choice: string): string =>
  /^[A-Za-z0-9.-]{1,40}$/.test(choice) ? `${field} "${choice}"` : `a new ${field}`

/** Names a type of a later version. Any other type may be somebody's data, so it is not repeated. */
const describeType = (type: unknown): string =>
  typeof type === "string" && /^Lite(?:Lib|Tape)\.[A-Za-z]{1,40}$/.test(type)
    ? `record type "${type}"`
    : "a record that is not a system record"

const corrupt = (meta: string, line: number, offset: number, why: string) =>
  new MetaCorrupt({ meta, line, offset, why })
