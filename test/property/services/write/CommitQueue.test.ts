/** The queue of the commit loop: order of the calls, cancelled requests, and the bytes that it announces. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { CommitQueue, QueuedRequest } from "../../../../src/services/write/CommitQueue.ts"
import { runs } from "../../../support/runs.ts"

const pendingOf = (bytesMax: number): QueuedRequest =>
  new QueuedRequest(
    {
      bytesMax,
      addTo: () => assert.fail("the queue adds nothing"),
      settle: () => assert.fail("the queue settles nothing")
    },
    () => assert.fail("the queue resumes nobody")
  )

const queueOf = (...bytes: ReadonlyArray<number>) => {
  const queue = new CommitQueue()
  const all = bytes.map(pendingOf)
  for (const pending of all) queue.push(pending)
  return { queue, all }
}

/** Takes at most `count` requests, as the commit loop does: taken requests are in a batch. */
const take = (queue: CommitQueue, count: number): Array<QueuedRequest> => {
  const taken: Array<QueuedRequest> = []
  queue.takeWhile((pending) => {
    if (taken.length === count) return false
    pending.state = "in-batch"
    taken.push(pending)
    return true
  })
  return taken
}

type Op =
  | { readonly op: "push"; readonly bytes: number }
  | { readonly op: "give up"; readonly nth: number }
  | { readonly op: "take"; readonly count: number }
  | { readonly op: "take all" }

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("push" as const), bytes: fc.nat(1000) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("give up" as const), nth: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("take" as const), count: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant<Op>({ op: "take all" }) }
)

describe("a commit queue", () => {
  it("returns requests in the order of the calls, each once, and no cancelled ones", () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const queue = new CommitQueue()
        let model: Array<QueuedRequest> = []
        for (const one of ops) {
          if (one.op === "push") {
            const pending = pendingOf(one.bytes)
            queue.push(pending)
            model.push(pending)
          } else if (one.op === "give up") {
            const pending = model[one.nth % Math.max(1, model.length)]
            if (pending !== undefined) pending.state = "done"
          } else if (one.op === "take all") {
            assert.deepStrictEqual(queue.takeAll(), model)
            model = []
          } else {
            const wanted = model.filter(({ state }) => state === "queued").slice(0, one.count)
            const next = model.find((pending) => pending.state === "queued" && !wanted.includes(pending))
            assert.deepStrictEqual(take(queue, one.count), wanted)
            model = next === undefined ? [] : model.slice(model.indexOf(next))
          }
          assert.strictEqual(queue.isEmpty, model.length === 0)
          assert.strictEqual(
            queue.bytes,
            model.reduce((sum, { request }) => sum + request.bytesMax, 0)
          )
        }
      }),
      { numRuns: runs }
    )
  })

  it("keeps the first request that is not wanted, and all later ones", () => {
    const { queue, all } = queueOf(1, 2, 4)
    assert.deepStrictEqual(take(queue, 1), [all[0]])
    assert.strictEqual(queue.bytes, 6)
    assert.deepStrictEqual(take(queue, 2), [all[1], all[2]])
    assert.isTrue(queue.isEmpty)
  })

  it("counts the bytes of a cancelled request until it is skipped", () => {
    const { queue, all } = queueOf(1, 2, 4)
    all[0]!.state = "done"
    all[2]!.state = "done"
    assert.strictEqual(queue.bytes, 7)
    assert.deepStrictEqual(take(queue, 0), [])
    assert.strictEqual(queue.bytes, 6)
    assert.deepStrictEqual(take(queue, 1), [all[1]])
    assert.isTrue(queue.isEmpty)
    assert.strictEqual(queue.bytes, 0)
  })

  it("offers requests that are pushed during a take, after all earlier ones", () => {
    const { queue, all } = queueOf(1, 2)
    const late = pendingOf(4)
    const seen: Array<QueuedRequest> = []
    queue.takeWhile((pending) => {
      if (seen.length === 0) queue.push(late)
      seen.push(pending)
      return pending !== late
    })
    assert.deepStrictEqual(seen, [...all, late])
    assert.deepStrictEqual(take(queue, 1), [late])
    assert.isTrue(queue.isEmpty)
  })

  it("returns all of its requests together, cancelled ones included", () => {
    const { queue, all } = queueOf(1, 2)
    all[0]!.state = "done"
    assert.deepStrictEqual(queue.takeAll(), all)
    assert.isTrue(queue.isEmpty)
    assert.strictEqual(queue.bytes, 0)
    assert.deepStrictEqual(queue.takeAll(), [])
  })
})
