/** Makes and opens frames, without a segment around them. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Frames from "../../src/domain/segment/Frames.ts"
import { decompress, startCompress } from "../../src/services/segment/FrameCodec.ts"

export const codecs: ReadonlyArray<Frames.Codec> = ["gzip", "zstd"]

export const frameOf = (codec: Frames.Codec, raw: Uint8Array): Promise<Uint8Array> =>
  Effect.runPromise(Deferred.await(startCompress(codec, raw)))

/** Decompresses a frame: returns the raw bytes, or the error. */
export const open = (
  codec: Frames.Codec,
  frame: Uint8Array,
  rawBytes: number
): Promise<Uint8Array | Frames.FrameDamaged | Frames.FrameTooLarge> =>
  Effect.runPromise(Effect.match(decompress(codec, frame, rawBytes), { onFailure: (e) => e, onSuccess: (raw) => raw }))

/** Finds the frames of a file by walking through it. */
export const walk = (codec: Frames.Codec, file: Uint8Array): Array<Frames.FrameSize> => {
  const found: Array<Frames.FrameSize> = []
  for (let at = 0; at < file.length;) {
    const size = Frames.measure(codec, file, at, Frames.frameBytesMax)
    if (size === undefined) throw new Error(`the file ends within the frame at ${at}`)
    found.push(size)
    at += size.fileBytes
  }
  return found
}
