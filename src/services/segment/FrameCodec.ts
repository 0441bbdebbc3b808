/** Compresses and decompresses single frames in zlib's threads, while the event loop continues. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constants, crc32, deflateRaw, inflateRaw, zstdCompress, zstdDecompress } from "node:zlib"
import {
  type Codec,
  frameBytesMax,
  FrameDamaged,
  FrameTooLarge,
  measure,
  storedBytesMax,
  unwrapGzip,
  wrapGzip
} from "../../domain/segment/Frames.ts"

/** A frame that is being compressed. If nobody waits for it any more, its result is dropped. */
export type FrameJob = Deferred.Deferred<Uint8Array>

/** On success, Node calls it with `null` and Deno with `undefined`. */
type Callback = (error: Error | null | undefined, result: Buffer) => void

/** Starts to compress whole lines as one frame. `raw` must not change until it is done. */
export const startCompress = (codec: Codec, raw: Uint8Array): FrameJob => {
  const pending: FrameJob = Deferred.makeUnsafe()
  const take =
    (wrap: (compressed: Uint8Array) => Uint8Array): Callback =>
    (error, compressed) => {
      Deferred.doneUnsafe(pending, error ? Exit.die(error) : Exit.succeed(wrap(compressed)))
    }
  if (codec === "zstd")
    zstdCompress(
      raw,
      zstdOptions(raw.length),
      take((frame) => frame)
    )
  else
    deflateRaw(
      raw,
      deflateOptions(raw.length),
      take((deflated) => wrapGzip(deflated, raw.length, crc32(raw)))
    )
  return pending
}

// One piece that never becomes full: if zlib's output exactly fills its last piece, it asks the codec for more, and
// zstd then adds an empty frame.
const chunkBytes = (rawBytes: number): number => storedBytesMax(rawBytes) + 1

const zstdOptions = (rawBytes: number) => ({
  chunkSize: chunkBytes(rawBytes),
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
  // Otherwise the frame does not declare its size.
  pledgedSrcSize: rawBytes
})

const deflateOptions = (rawBytes: number) => ({ chunkSize: chunkBytes(rawBytes), level: 6 })

/**
 * Decompresses one whole frame that holds `rawBytes`, according to its index or its own header. Never produces more,
 * and fails if there is less. The caller has bounded `rawBytes`.
 */
export const decompress = (
  codec: Codec,
  frame: Uint8Array,
  rawBytes: number
): Effect.Effect<Uint8Array, FrameDamaged | FrameTooLarge> =>
  Effect.callback((resume) => {
    try {
      const size = measure(codec, frame, 0, rawBytes)
      if (size?.fileBytes !== frame.length || size.rawBytes !== rawBytes) {
        throw new FrameDamaged("a frame does not have the size that its index or header declares")
      }
      inflate(codec, frame, rawBytes, (result) => resume(settle(result)))
    } catch (error) {
      resume(settle(error))
    }
  })

const settle = (result: unknown): Effect.Effect<Uint8Array, FrameDamaged | FrameTooLarge> => {
  if (result instanceof Uint8Array) return Effect.succeed(result)
  return result instanceof FrameDamaged || result instanceof FrameTooLarge ? Effect.fail(result) : Effect.die(result)
}

const inflate = (
  codec: Codec,
  frame: Uint8Array,
  rawBytes: number,
  done: (result: Uint8Array | FrameDamaged | FrameTooLarge) => void
): void => {
  const member = codec === "gzip" ? unwrapGzip(frame) : undefined
  const finish: Callback = (error, raw) => {
    if (error) {
      const { code } = error as NodeJS.ErrnoException
      done(code === "ERR_BUFFER_TOO_LARGE" ? new FrameTooLarge(rawBytes) : new FrameDamaged(error.message))
    } else if (raw.length !== rawBytes) {
      done(new FrameDamaged(`a frame holds ${raw.length} bytes, but declares ${rawBytes}`))
    } else if (member !== undefined && crc32(raw) !== member.crc) {
      done(new FrameDamaged("a frame does not match its checksum"))
    } else {
      done(raw)
    }
  }
  // One byte more than the content, so that zlib need not ask for a second piece to see the end. But no more than a
  // usual frame has: a longer one must prove its size before it gets the memory.
  const chunkSize = Math.max(64, Math.min(rawBytes, frameBytesMax) + 1)
  const options = { chunkSize, maxOutputLength: rawBytes, rejectGarbageAfterEnd: true }
  if (member === undefined) zstdDecompress(frame, options, finish)
  else inflateRaw(member.deflated, options, finish)
}
