import { assert, describe, it } from "vitest"
import { encode } from "../../../../src/domain/event/Event.ts"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import type { LibHandle } from "../../../../src/services/lib/LibHandle.ts"
import { allResults, AppendRequest, PlannedCall } from "../../../../src/services/streams/AppendRequest.ts"
import { PlannedAppend } from "../../../../src/services/streams/PlannedAppend.ts"
import { StreamStates } from "../../../../src/services/streams/StreamStates.ts"

const event = (n: number) => encode("order-1", { type: "Placed", data: { n } }, 0, () => `id-${n}`, "", defaultLimits)

describe("an append request that has its outcome", () => {
  it("keeps nothing of its encoded events, and empties the arrays of its caller", () => {
    const entries = [
      new PlannedAppend("order-1", "any", [event(1), event(2)], new Set(), undefined),
      new PlannedAppend("order-2", "any", [event(3)], new Set(), undefined)
    ]
    const arrays = [entries, ...entries.map(({ events }) => events)]
    const request = new AppendRequest(
      {} as LibHandle,
      new PlannedCall(entries, undefined, undefined),
      allResults,
      new StreamStates()
    )
    assert.isAbove(request.bytesMax, 0)
    request.ended()
    assert.deepStrictEqual(arrays, [[], [], []])
  })
})
