/** Reads all events of a lib, and hashes their lines. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import type { Counter } from "../../base/Progress.ts"
import type { EventLine } from "./CopySource.ts"

/** The number of the events that were read, and the SHA-256 of their lines in hexadecimal digits. */
export interface Digest {
  readonly count: number
  readonly sha256: string
}

/**
 * Reads pages until one is empty, and passes each to `use` after it was hashed. Other fibres run after each page.
 */
export const digestEvents = Effect.fnUntraced(function* <E1, E2>(
  page: Effect.Effect<ReadonlyArray<EventLine>, E1>,
  counter: Counter,
  use: (lines: ReadonlyArray<EventLine>) => Effect.Effect<void, E2>
): Effect.fn.Return<Digest, E1 | E2> {
  const digest = createHash("sha256")
  let count = 0
  while (true) {
    const lines = yield* page
    if (lines.length === 0) return { count, sha256: digest.digest("hex") }
    let bytes = 0
    for (const line of lines) {
      digest.update(line.bytes)
      bytes += line.bytes.length
    }
    count += lines.length
    yield* use(lines)
    yield* counter.add(lines.length, bytes)
    yield* Effect.yieldNow
  }
})
