/** Copies libs through the port, so that any storage can hold the copy, while no writer changes them. */
import * as Effect from "effect/Effect"
import type { Root, Storage, StorageError } from "../../src/services/ports/Storage.ts"

const everything = Number.MAX_SAFE_INTEGER

export interface CopyOptions {
  /** Whether the hint for readers is copied. Default: yes. */
  readonly hint?: boolean
  /** Changes the bytes of a dynamic segment in the copy; `undefined` omits the file. */
  readonly dynamic?: (n: number, bytes: Uint8Array) => Uint8Array | undefined
  /** Changes the bytes of lib meta in the copy. */
  readonly libMeta?: (bytes: Uint8Array) => Uint8Array
}

/** Copies the lib at `from` to `to`, which must be empty. */
export const copyLib = (
  storage: Storage["Service"],
  from: string,
  to: string,
  options: CopyOptions = {}
): Effect.Effect<void, StorageError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const source = yield* storage.open(from, "read")
      const target = yield* storage.open(to, "write")
      for (const tape of yield* source.tapes.list) yield* copyTape(source, target, tape)
      for (const n of yield* source.journal.list) {
        const bytes = yield* source.journal.read(n, 0, (yield* source.journal.size(n)) ?? 0)
        const copied = options.dynamic === undefined ? bytes : options.dynamic(n, bytes)
        if (copied !== undefined) yield* Effect.flatMap(target.journal.create(n, copied), (writer) => writer.close)
      }
      const hint = yield* source.hint.read
      if (hint !== undefined && options.hint !== false) yield* target.hint.write(hint)
      const meta = yield* source.meta.read(undefined)
      if (meta !== undefined) {
        yield* target.meta.replace(undefined, undefined, options.libMeta?.(meta.bytes) ?? meta.bytes)
      }
    })
  )

const copyTape = (source: Root, target: Root, tape: string): Effect.Effect<void, StorageError> =>
  Effect.gen(function* () {
    const meta = yield* source.meta.read(tape)
    yield* target.tapes.create(tape, meta!.bytes)
    for (const segment of yield* source.segments.list(tape)) {
      const bytes = yield* source.segments.read(tape, segment, 0, (yield* source.segments.size(tape, segment)) ?? 0)
      yield* target.segments.write(tape, segment, (append) => append(bytes))
    }
  })

/** Reads all bytes of a segment. */
export const segmentBytes = (root: Root, tape: string, segment: string): Effect.Effect<Uint8Array, StorageError> =>
  Effect.flatMap(root.segments.size(tape, segment), (size) => root.segments.read(tape, segment, 0, size ?? everything))

/** Returns the bytes with one bit flipped. */
export const flipped = (bytes: Uint8Array, at: number, bit = 0): Uint8Array => {
  // Not `slice`: on a Buffer it shares memory.
  const damaged = Uint8Array.from(bytes)
  damaged[at]! ^= 1 << bit
  return damaged
}

/** Returns the content of a dynamic segment without the room after it. */
export const withoutRoom = (bytes: Uint8Array): Uint8Array =>
  bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1)
