import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { gunzipSync } from "node:zlib"
import type * as Shape from "../../src/domain/base/Shape.ts"
import { reader } from "../../src/domain/base/readShape.ts"
import * as Frames from "../../src/domain/segment/Frames.ts"
import { decodeSame } from "../../src/domain/segment/SameLine.ts"
import * as System from "../../src/domain/meta/SystemRecord.ts"
import { documentedFields } from "../support/documentedTypes.ts"
import { codeBlocks, readDocument } from "../support/documents.ts"
import { type Files, makeWorkedExample } from "../support/workedExample.ts"

const text = readDocument("docs/FORMAT.md")

/** Returns the name of the only segment at the end of the worked example. */
const repackedSegment = (files: Files): string => {
  const names = Object.keys(files).filter((name) => name.startsWith("repacked/greetings/seg-"))
  assert.lengthOf(names, 1)
  return names[0]!
}

describe("docs/FORMAT.md", () => {
  it.effect("shows the worked example as the code writes it, byte for byte", () =>
    Effect.gen(function* () {
      const files = yield* makeWorkedExample
      assert.deepStrictEqual(
        codeBlocks(text, "jsonl"),
        [
          "litelib.dynamic-000001.jsonl",
          "litelib.meta.jsonl",
          "greetings/tape.meta.jsonl",
          "greetings/seg-000001.jsonl",
          "order/tape.meta.jsonl",
          "order/seg-000001.jsonl",
          "repacked/greetings/tape.meta.jsonl",
          repackedSegment(files)
        ].map((name) => Buffer.from(files[name]!).toString())
      )
    })
  )

  it.effect("shows a valid gzip frame of the segment before it", () =>
    Effect.gen(function* () {
      const files = yield* makeWorkedExample
      const name = repackedSegment(files)
      assert.include(text, `And \`${name.slice("repacked/".length)}\``)
      const lines = Buffer.from(files[name]!)
      const [dump] = codeBlocks(text, "hex")
      const bytes = dump!.split("\n").map((line) => line.split("    ")[0]!.replaceAll(" ", ""))
      const member = Buffer.from(bytes.join(""), "hex")
      assert.deepStrictEqual(Frames.measure("gzip", member, 0, 2 ** 20), {
        fileBytes: member.length,
        rawBytes: lines.length
      })
      assert.deepStrictEqual(gunzipSync(member), lines)
      assert.include(dump, `size: ${member.length}`)
      assert.include(dump, `raw bytes: ${lines.length}`)
    })
  )

  const records = [
    ...System.LibRecord.members,
    ...System.TapeRecord.members,
    System.TapeEnd,
    System.DynamicHeader,
    System.Commit
  ] as ReadonlyArray<Shape.Any & { readonly fields: { readonly $type: { readonly literal: string } } }>

  describe.each(records.map((schema) => [schema.fields.$type.literal, schema] as const))("%s", (type, schema) => {
    const fields = documentedFields(text, type) ?? []

    it("has a table with exactly its fields", () => {
      assert.deepStrictEqual(
        fields.map(({ name }) => name),
        Object.keys(schema.fields)
          .filter((field) => field !== "$type")
          .toSorted()
      )
    })

    it("accepts exactly the values that the table allows", () => {
      const decode = reader(schema, { onExcessProperty: "error" })
      const takes = (record: object) => Result.isSuccess(decode(record))
      const whole = Object.fromEntries([["$type", type], ...fields.map(({ name, good }) => [name, good[0]])])
      assert.isTrue(takes(whole), "all fields")
      assert.isFalse(takes({ ...whole, more: 1 }), "one field more")
      for (const { name, optional, good, bad } of fields) {
        for (const value of good) assert.isTrue(takes({ ...whole, [name]: value }), `${name}: ${JSON.stringify(value)}`)
        for (const value of bad) assert.isFalse(takes({ ...whole, [name]: value }), `${name}: ${JSON.stringify(value)}`)
        const { [name]: _, ...without } = whole
        assert.strictEqual(takes(without), optional, `without ${name}`)
      }
    })
  })

  it("has a table and an example of LiteTape.Same", () => {
    const fields = documentedFields(text, "LiteTape.Same") ?? []
    assert.deepStrictEqual(
      fields.map(({ name }) => name),
      ["line"]
    )
    const [example] = /\{"\$type":"LiteTape\.Same","line":\d+\}/.exec(text)!
    assert.strictEqual(decodeSame(Buffer.from(example)), 12)
    const lineOf = (value: unknown) => decodeSame(Buffer.from(JSON.stringify({ $type: "LiteTape.Same", line: value })))
    for (const value of fields[0]!.good) assert.strictEqual(lineOf(value), value)
    for (const value of fields[0]!.bad) assert.strictEqual(lineOf(value), -1, JSON.stringify(value))
  })
})
