import { afterEach, assert, describe, it, vi } from "vitest"
import { SegmentSeal } from "../../../../src/domain/segment/SegmentSeal.ts"
import { sealWorkerHandler } from "../../../../src/layers/sealing/sealWorkerHandler.ts"
import type { Ask, Reply } from "../../../../src/layers/sealing/sealMessages.ts"

const begin = (job: number, role: "events" | "records" = "records"): Ask => ({
  kind: "begin",
  job,
  role,
  before: undefined
})

const add = (job: number, text: string): Ask => {
  const bytes = new Uint8Array(100)
  bytes.set(Buffer.from(text))
  return { kind: "add", job, bytes, length: text.length, rows: undefined }
}

const answers = (asks: ReadonlyArray<Ask>): Array<Reply> => {
  const replies: Array<Reply> = []
  const desk = sealWorkerHandler((reply) => replies.push(reply))
  for (const ask of asks) desk(ask)
  return replies
}

/** Returns the number of records of each finished job. */
const found = (replies: ReadonlyArray<Reply>) =>
  replies.flatMap((reply) => (reply.kind === "finished" ? [[reply.job, reply.sealed?.records]] : []))

const added = (replies: ReadonlyArray<Reply>) => replies.filter(({ kind }) => kind === "added").length

describe("the handler of the sealing thread", () => {
  afterEach(() => void vi.restoreAllMocks())

  it("seals several segments concurrently", () => {
    const line = '{"n":1}\n'
    const replies = answers([
      begin(1),
      begin(2),
      add(1, line),
      add(2, line + line),
      add(1, line),
      { kind: "finish", job: 2 },
      add(1, line),
      { kind: "finish", job: 1 }
    ])
    assert.deepStrictEqual(found(replies), [
      [2, 2],
      [1, 3]
    ])
    assert.strictEqual(added(replies), 4)
  })

  it("answers without a result if lines are invalid, and still seals other segments", () => {
    const replies = answers([
      begin(1),
      begin(2),
      add(1, "no end"),
      add(1, '{"n":1}\n'),
      add(2, '{"n":1}\n'),
      { kind: "finish", job: 1 },
      { kind: "finish", job: 2 }
    ])
    assert.deepStrictEqual(found(replies), [
      [1, undefined],
      [2, 1]
    ])
    assert.strictEqual(added(replies), 3)
  })

  it("answers without a result if the end of a segment throws", () => {
    vi.spyOn(SegmentSeal.prototype, "finish").mockImplementation(() => {
      throw new RangeError("no memory")
    })
    assert.deepStrictEqual(found(answers([begin(1), add(1, '{"n":1}\n'), { kind: "finish", job: 1 }])), [
      [1, undefined]
    ])
  })

  it("answers for jobs that were dropped, or never begun", () => {
    const replies = answers([begin(1), { kind: "drop", job: 1 }, add(1, '{"n":1}\n'), { kind: "finish", job: 1 }])
    assert.deepStrictEqual(found(replies), [[1, undefined]])
    assert.strictEqual(added(replies), 1)
  })
})
