import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as System from "../../src/domain/SystemRecord.ts"
import { codeBlocks, readDocument } from "../support/documents.ts"
import { makeWorkedExample } from "../support/workedExample.ts"

const text = readDocument("docs/FORMAT.md")

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
          "order/seg-000001.jsonl"
        ].map((name) => Buffer.from(files[name]!).toString())
      )
    })
  )

  const records = [
    ...System.LibRecord.members,
    ...System.TapeRecord.members,
    System.DynamicHeader,
    System.Commit
  ] as ReadonlyArray<{ readonly fields: { readonly $type: { readonly literal: string } } }>

  it.each(records.map(({ fields }) => [fields.$type.literal, fields] as const))(
    "has a table with the fields of %s, and no others",
    (type, fields) => {
      const section = new RegExp(`^### ${type.replace(".", "\\.")}\\b[^]*?(?=^#)`, "m").exec(text)?.[0]
      assert.isDefined(section, `no section for ${type}`)
      const named = [...section!.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]!)
      assert.deepStrictEqual(
        named.toSorted(),
        Object.keys(fields)
          .filter((field) => field !== "$type")
          .toSorted()
      )
    }
  )
})
