/**
 * Forged records and batches with matching hashes, refused because of their contents. Each of these was once accepted.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { memoryDisk } from "../../reliability/inputs/memoryDisk.ts"
import { existingTape, recordsOf } from "../../support/openLib.ts"
import {
  byName,
  changeDynamic,
  changeMeta,
  changeSegment,
  closed,
  type Draft,
  forging,
  live,
  liveEvents,
  refusal,
  replaced,
  using,
  where,
  withFields
} from "./forged.ts"

describe("forged events", () => {
  const readAll = (draft: Draft, direction: "forward" | "backward") =>
    refusal(using(draft, (_, store) => Stream.runDrain(store.readAll({ direction, allowGaps: true }))))

  forging("fail readAll if two tapes have the same position, instead of letting it run for ever", closed, (draft) =>
    Effect.gen(function* () {
      changeSegment(draft, "customer", (lines) => replaced(lines, 1, withFields(lines[1]!, { position: 2 })))
      assert.match(yield* readAll(draft, "forward"), /^PositionGap: .*two events have position 2/)
      assert.match(yield* readAll(draft, "backward"), /^PositionGap: .*two events have position 2/)
    })
  )

  forging("are refused if their positions do not ascend along the tape", closed, (draft) =>
    Effect.gen(function* () {
      changeSegment(draft, "order", (lines) => [lines[1]!, lines[0]!, lines[2]!])
      const expected = /^SegmentCorrupt: order\/seg-000001\.jsonl .*positions do not ascend/
      assert.match(yield* readAll(draft, "forward"), expected)
      assert.match(yield* readAll(draft, "backward"), expected)
    })
  )

  for (const [name, fields] of [
    ["without a stream", { stream: null }],
    ["with a negative position", { position: -1 }],
    ["with tags that are not strings", { tags: [1] }],
    ["with metadata that is not an object", { metadata: [] }]
  ] as const) {
    forging(`are refused by reads, repack and verify: ${name}`, closed, (draft) =>
      Effect.gen(function* () {
        changeSegment(draft, "order", (lines) => replaced(lines, 1, withFields(lines[1]!, fields)))
        const expected = /^SegmentCorrupt: order\/seg-000001\.jsonl .*(?:it is not an event|a record that is no event)/
        assert.match(yield* readAll(draft, "forward"), expected)
        const stream = using(draft, (_, store) => Stream.runDrain(store.read("order-1")))
        assert.match(yield* refusal(stream), expected)
        const repack = using(
          draft,
          (lib) => Effect.flatMap(existingTape(lib, "order"), (tape) => tape.repack({ force: true })),
          {}
        )
        assert.match(yield* refusal(repack), expected)
        const { bad } = yield* using(draft, (lib) => lib.verify())
        assert.deepStrictEqual(
          bad.map(({ file }) => file),
          ["order/seg-000001.jsonl"]
        )
      })
    )
  }

  for (const [where_, base] of [
    ["a segment", closed],
    ["a dynamic segment", live]
  ] as const) {
    forging(`are read although today their tags would be refused: in ${where_}`, base, (draft) =>
      Effect.gen(function* () {
        const twice = ["a", "b", "a"]
        const odd = ["", "b".repeat(300)]
        const tagged = (lines: ReadonlyArray<string>) =>
          where('"id":"order 2"', (line) => withFields(line, { tags: odd }))(
            where('"id":"order 1"', (line) => withFields(line, { tags: twice }))(lines)
          )
        if (base === closed) changeSegment(draft, "order", tagged)
        else changeDynamic(draft, tagged)
        const disk = memoryDisk(draft)
        yield* using(
          draft,
          (lib, store) =>
            Effect.gen(function* () {
              const events = yield* Stream.runCollect(store.read("order-1"))
              assert.deepStrictEqual(
                events.map(({ tags }) => tags),
                [[], twice, odd]
              )
              for (const [wanted, revision] of [
                [["a"], 1],
                [twice, 1],
                [[""], 2],
                [odd, 2]
              ] as const) {
                const found = yield* Stream.runCollect(store.readAll({ filter: { tags: wanted } }))
                assert.deepStrictEqual(
                  found.map((event) => event.revision),
                  [revision]
                )
              }
              const again = [{ type: "T", data: 1, id: "order 1", tags: ["b", "a"] }]
              assert.isTrue((yield* store.append("order-1", again)).repeated)
              const query = [{ tags: ["a"] }]
              const { boundary } = yield* store.query(query)
              const condition = { failIfEventsMatch: query, after: boundary }
              yield* store.append("order-1", [{ type: "T", tags: ["a"] }], { condition })
              assert.deepStrictEqual((yield* lib.verify()).bad, [])
            }),
          {},
          disk
        )
      })
    )
  }

  forging("in a dynamic segment fail reads and appends", live, (draft) =>
    Effect.gen(function* () {
      changeDynamic(
        draft,
        where('"stream":"order-1"', (line) => withFields(line, { stream: 5 }))
      )
      const reading = using(draft, (_, store) => Stream.runDrain(store.read("order-1")))
      assert.match(yield* refusal(reading), /^SegmentCorrupt: .*it is not an event/)
      const appending = using(draft, (_, store) => store.append("order-1", [{ type: "T" }]), {})
      assert.match(yield* refusal(appending), /^SegmentCorrupt: .*it is not an event/)
    })
  )

  forging("in the last batch fail the opening for writing", liveEvents, (draft) =>
    Effect.gen(function* () {
      changeDynamic(
        draft,
        where('"data":1,', (line) => withFields(line, { revision: "1" }))
      )
      const disk = memoryDisk(draft)
      const opening = using(draft, () => Effect.void, {}, disk)
      const expected = /^DynamicCorrupt: litelib\.dynamic-000001\.jsonl .*byte \d{3}.*it is not an event/
      assert.match(yield* refusal(opening), expected)
      // The opening failed before it changed anything but the folder of the writer before.
      const left = disk.files()
      left.delete("litelib.lock")
      const files = [...draft].filter(([file, node]) => node !== "folder" && !/^litelib\.(?:lock|writer-)/.test(file))
      assert.deepStrictEqual([...left].toSorted(byName), files.toSorted(byName))
    })
  )

  forging("fail the opening if the mark of a batch repeats a position", live, (draft) =>
    Effect.gen(function* () {
      changeDynamic(
        draft,
        where('"batch":3,', (line) => withFields(line, { position: 7 }))
      )
      const opening = using(draft, () => Effect.void)
      assert.match(yield* refusal(opening), /^DynamicCorrupt: .*batch 3 begins at position 7/)
    })
  )
})

describe("forged records", () => {
  for (const [name, line, why] of [
    ["that are no objects", "[1]", "it is not a record"],
    ["that are no JSON", "{]", "NotJson"],
    ["that are system records", '{"$type":"LiteTape.Erased"}', "it is a system record"],
    ["with the key __proto__", '{"__proto__":{"polluted":true}}', "ForbiddenKey"],
    [
      "that are nested so deep that strict decoding would end the process",
      `{"\\n":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
      "NestingTooDeep"
    ]
  ] as const) {
    forging(`are refused by reads, forwards and backwards: ${name}`, closed, (draft) =>
      Effect.gen(function* () {
        changeSegment(draft, "notes", (lines) => replaced(lines, 1, line))
        const expected = new RegExp(`^SegmentCorrupt: notes/seg-000001\\.jsonl .*${why}`)
        for (const reverse of [false, true]) {
          const reading = using(draft, (lib) => recordsOf(lib, "notes", { reverse }))
          assert.match(yield* refusal(reading), expected)
        }
      })
    )
  }

  forging("fail the opening for writing if they are empty lines in a dynamic segment", live, (draft) =>
    Effect.gen(function* () {
      changeDynamic(
        draft,
        where('{"n":1}', () => "")
      )
      const opening = using(draft, () => Effect.void, {})
      assert.match(yield* refusal(opening), /^DynamicCorrupt: .*the mark counts other records than the batch has/)
    })
  )

  forging("in a dynamic segment are reported by verify", live, (draft) =>
    Effect.gen(function* () {
      changeDynamic(
        draft,
        where('{"n":2}', () => '{"n": 2}')
      )
      const { bad } = yield* using(draft, (lib) => lib.verify())
      assert.deepStrictEqual(
        bad.map(({ error, file }) => `${error} ${file}`),
        ["SegmentCorrupt litelib.dynamic-000001.jsonl"]
      )
      assert.match(bad[0]!.why, /NotCanonical/)
    })
  )
})

describe("a forged tape", () => {
  const tapeFile = "notes/tape.meta.jsonl"

  forging("is refused if its segments end before its batches begin, so that no record is skipped", live, (draft) =>
    Effect.gen(function* () {
      changeSegment(draft, "notes", (lines) => lines.slice(1))
      const reading = using(draft, (lib) => recordsOf(lib, "notes"))
      assert.match(yield* refusal(reading), /^TapeInvalid: tape "notes" .*at ordinal 2 instead of 1/)
      const { bad } = yield* using(draft, (lib) => lib.verify())
      assert.include(
        bad.map(({ error }) => error),
        "TapeInvalid"
      )
    })
  )

  forging(
    "is not appended to if its meta covers a later batch than the lib has: new batches would be skipped",
    closed,
    (draft) =>
      Effect.gen(function* () {
        changeMeta(draft, tapeFile, (record) => {
          if (record["$type"] === "LiteTape.Segment") record["lastBatch"] = 99
        })
        const appending = using(
          draft,
          (lib) => Effect.flatMap(existingTape(lib, "notes"), (tape) => tape.append([{}])),
          {}
        )
        assert.match(
          yield* refusal(appending),
          /^TapeInvalid: tape "notes" .*covers batch 99, but the lib ends at batch 7/
        )
        const { replaces } = yield* using(draft, (lib) => lib.recoverTape("notes"), {})
        assert.isString(replaces)
      })
  )

  forging("is not repacked if its Merkle state does not match its records, and the writer continues", closed, (draft) =>
    Effect.gen(function* () {
      changeMeta(draft, tapeFile, (record) => {
        if (record["$type"] === "LiteTape.Segment") record["merkle"] = { peaks: ["0".repeat(64)], size: 2 }
      })
      yield* using(
        draft,
        (lib) =>
          Effect.gen(function* () {
            const tape = yield* existingTape(lib, "notes")
            const expected = /^SegmentCorrupt: notes\/seg-000001\.jsonl .*Merkle state does not match meta/
            assert.match(yield* refusal(tape.repack({ force: true })), expected)
            yield* tape.append([{ n: 2 }])
          }),
        {}
      )
    })
  )

  forging("is recovered next to a file with the highest possible number", closed, (draft) =>
    Effect.gen(function* () {
      draft.set("notes/seg-9007199254740991.jsonl", draft.get("notes/seg-000001.jsonl")!)
      draft.delete(tapeFile)
      const { records } = yield* using(
        draft,
        (lib) => Effect.flatMap(lib.recoverTape("notes"), () => recordsOf(lib, "notes")),
        {}
      ).pipe(Effect.map((found) => ({ records: found })))
      assert.deepStrictEqual(records, [{ n: 0 }, { n: 1 }])
    })
  )
})
