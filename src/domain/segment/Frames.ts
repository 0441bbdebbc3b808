/**
 * Frames: how the bytes of a compressed segment are divided. A compressed segment is a sequence of frames. Each frame
 * holds whole lines and is decompressed by itself. A frame has at most 1 MiB of raw bytes; a longer line is a frame of
 * its own. The frames can be found from the file alone, by walking from each one to the next.
 * ```
 * zstd   one frame of RFC 8878: with content size, with content checksum, without dictionary
 * gzip   one member of RFC 1952:
 *        1f 8b 08 04   00 00 00 00   00 ff   08 00   "LT" 04 00 size u32     20 bytes; size: of the whole member
 *        deflate data   CRC-32 of the raw bytes u32   number of raw bytes u32
 * ```
 *
 * Numbers are little-endian. `zstd -d` and `gunzip` read a whole segment as they read any file. Everything else that
 * these formats allow in a frame (a skippable frame, a dictionary, no checksum, a file name) is refused.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
 * @see https://www.rfc-editor.org/rfc/rfc1952#section-2.3
 */
import { invariant } from "../base/invariant.ts"
import type { Limits } from "../format/Limits.ts"

/** The codec of a compressed segment. */
export type Codec = "gzip" | "zstd"

/** Raw bytes of a frame of several lines, at most. */
export const frameBytesMax = 1024 * 1024

/**
 * Returns the raw bytes that any frame may have in a lib with these limits: the longest record may need a larger one.
 */
export const rawBytesMax = (limits: Pick<Limits, "recordBytesMax">): number =>
  Math.max(frameBytesMax, limits.recordBytesMax + 1)

/**
 * Returns the most bytes that this many raw bytes take as a frame. Neither codec needs more, even if nothing
 * compresses.
 */
export const storedBytesMax = (rawBytes: number): number => rawBytes + Math.floor(rawBytes / 64) + 1024

/** A frame is not one that this library writes, or does not hold what it declares. */
export class FrameDamaged extends Error {
  override readonly name = "FrameDamaged"
}

/** A frame holds more raw bytes than the limit. */
export class FrameTooLarge extends Error {
  override readonly name = "FrameTooLarge"
  readonly limit: number

  constructor(limit: number) {
    super(`a frame holds more than ${limit} bytes`)
    this.limit = limit
  }
}

/** Sizes of a frame in bytes, as the frame declares them. */
export interface FrameSize {
  readonly fileBytes: number
  readonly rawBytes: number
}

/**
 * Returns the sizes of the frame that begins at `start`, or `undefined` if `bytes` end before it does. No frame needs
 * more than `storedBytesMax(rawMax)` bytes.
 *
 * @throws FrameDamaged
 * @throws FrameTooLarge if it declares more than `rawMax` raw bytes
 */
export const measure = (codec: Codec, bytes: Uint8Array, start: number, rawMax: number): FrameSize | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return codec === "zstd" ? measureZstd(view, start, rawMax) : measureGzip(view, start, rawMax)
}

const refuseUnless = (holds: boolean, why: string): void => {
  if (!holds) throw new FrameDamaged(why)
}

const checkRawBytes = (rawBytes: number, rawMax: number): void => {
  refuseUnless(rawBytes > 0, "a frame is empty")
  if (rawBytes > rawMax) throw new FrameTooLarge(rawMax)
}

const zstdMagic = 0xfd2f_b528
const zstdBlockBytesMax = 128 * 1024
const zstdChecksumBytes = 4
const zstdSizeBytes = [1, 2, 4, 8] as const

/** Walks the headers of the frame's blocks, since only their sizes tell where it ends. */
const measureZstd = (view: DataView, start: number, rawMax: number): FrameSize | undefined => {
  const end = view.byteLength
  if (start + 5 > end) return undefined
  refuseUnless(view.getUint32(start, true) === zstdMagic, "no zstd frame begins here")
  const descriptor = view.getUint8(start + 4)
  refuseUnless((descriptor & 0b0001_1011) === 0, "a zstd frame has a dictionary or reserved bits")
  refuseUnless((descriptor & 0b0000_0100) !== 0, "a zstd frame has no checksum")
  const isSingle = (descriptor & 0b0010_0000) !== 0
  refuseUnless(isSingle || descriptor >>> 6 !== 0, "a zstd frame has no content size")
  const sizeBytes = zstdSizeBytes[descriptor >>> 6]!
  let at = start + 5 + (isSingle ? 0 : 1)
  if (at + sizeBytes > end) return undefined
  const rawBytes = readZstdSize(view, at, sizeBytes)
  checkRawBytes(rawBytes, rawMax)
  at += sizeBytes
  for (let isLast = false; !isLast;) {
    if (at + 3 > end) return undefined
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    const type = (header >>> 1) & 3
    const size = header >>> 3
    isLast = (header & 1) === 1
    refuseUnless(type !== 3, "a zstd block has a reserved type")
    refuseUnless(size <= zstdBlockBytesMax, "a zstd block is too large")
    // A block of one repeated byte stores that byte once; its size is that of the decompressed run.
    at += 3 + (type === 1 ? 1 : size)
    const fileBytes = at - start + zstdChecksumBytes
    refuseUnless(fileBytes <= storedBytesMax(rawBytes), "a zstd frame is larger than its content")
  }
  at += zstdChecksumBytes
  return at <= end ? { fileBytes: at - start, rawBytes } : undefined
}

const readZstdSize = (view: DataView, at: number, sizeBytes: 1 | 2 | 4 | 8): number => {
  switch (sizeBytes) {
    case 1:
      return view.getUint8(at)
    case 2:
      return view.getUint16(at, true) + 256
    case 4:
      return view.getUint32(at, true)
    case 8:
      return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
  }
}

// No time, no name, no system, so the same raw bytes make the same member. Then the extra field of 8 bytes: "LT", 4.
const gzipStart = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, 0x4c, 0x54, 4, 0]
/** Returns the bytes that every frame begins with. */
export const startBytes = (codec: Codec): Uint8Array =>
  codec === "zstd" ? Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd) : Uint8Array.from(gzipStart)

const gzipHeaderBytes = gzipStart.length + 4
const gzipTrailerBytes = 8

const measureGzip = (view: DataView, start: number, rawMax: number): FrameSize | undefined => {
  if (start + gzipHeaderBytes > view.byteLength) return undefined
  const isOurs = gzipStart.every((byte, i) => view.getUint8(start + i) === byte)
  refuseUnless(isOurs, "no gzip member of a segment begins here")
  const fileBytes = view.getUint32(start + gzipStart.length, true)
  refuseUnless(fileBytes > gzipHeaderBytes + gzipTrailerBytes, "a gzip member is too small")
  refuseUnless(fileBytes <= storedBytesMax(rawMax), "a gzip member is too large")
  if (start + fileBytes > view.byteLength) return undefined
  const rawBytes = view.getUint32(start + fileBytes - 4, true)
  checkRawBytes(rawBytes, rawMax)
  refuseUnless(fileBytes <= storedBytesMax(rawBytes), "a gzip member is larger than its content")
  return { fileBytes, rawBytes }
}

/** Returns the gzip member around deflated data, with this number and this CRC-32 of raw bytes. */
export const wrapGzip = (deflated: Uint8Array, rawBytes: number, crc: number): Uint8Array => {
  const fileBytes = gzipHeaderBytes + deflated.length + gzipTrailerBytes
  invariant(fileBytes < 2 ** 32 && rawBytes < 2 ** 32, "a frame has less than 2^32 bytes")
  const member = new Uint8Array(fileBytes)
  const view = new DataView(member.buffer)
  member.set(gzipStart)
  view.setUint32(gzipStart.length, fileBytes, true)
  member.set(deflated, gzipHeaderBytes)
  view.setUint32(fileBytes - 8, crc, true)
  view.setUint32(fileBytes - 4, rawBytes, true)
  return member
}

/** Returns the deflated data of a whole gzip member that was measured, and the CRC-32 of its raw bytes. */
export const unwrapGzip = (member: Uint8Array): { readonly deflated: Uint8Array; readonly crc: number } => {
  const end = member.length - gzipTrailerBytes
  const view = new DataView(member.buffer, member.byteOffset, member.length)
  return { deflated: member.subarray(gzipHeaderBytes, end), crc: view.getUint32(end, true) }
}
