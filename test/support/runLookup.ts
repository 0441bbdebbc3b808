import type { Lookup } from "../../src/domain/segment/SegmentIndex.ts"
import { pageBytes } from "../../src/domain/segment/SegmentIndex.ts"

/** Runs a look-up over an index in memory. Calls `onRead` with the pages that each step asks for. */
export const runLookup = <A>(
  index: Uint8Array,
  lookup: Lookup<A>,
  onRead: (pages: ReadonlyArray<number>) => void = () => {}
): A => {
  let step = lookup.next()
  while (step.done !== true) {
    onRead(step.value)
    step = lookup.next(step.value.map((page) => index.subarray(page * pageBytes, (page + 1) * pageBytes)))
  }
  return step.value
}
