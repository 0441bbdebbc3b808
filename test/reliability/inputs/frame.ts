/** Frames as the library writes them, made synchronously. */
import { constants, crc32, deflateRawSync, zstdCompressSync } from "node:zlib"
import { wrapGzip } from "../../../src/domain/segment/Frames.ts"

/** Returns one frame of the codec that the file name gives, or the lines themselves if it gives none. */
export const compressAs = (file: string, raw: Uint8Array): Uint8Array => {
  if (file.endsWith(".gz")) return gzipFrame(raw)
  if (file.endsWith(".zst")) return zstdFrame(raw)
  return raw
}

export const zstdFrame = (raw: Uint8Array): Uint8Array =>
  zstdCompressSync(raw, { pledgedSrcSize: raw.length, params: { [constants.ZSTD_c_checksumFlag]: 1 } })

export const gzipFrame = (raw: Uint8Array): Uint8Array => wrapGzip(deflateRawSync(raw), raw.length, crc32(raw))
