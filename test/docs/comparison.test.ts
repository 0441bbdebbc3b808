/** docs/COMPARISON.md names what shows each of its rows. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { root } from "../support/documents.ts"

const rows = readFileSync(join(root, "docs/COMPARISON.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| ---"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  )

describe("docs/COMPARISON.md", () => {
  it("names what shows each thing that litetapes has, and it is there", () => {
    const head = rows.find(([, ours]) => ours === "litetapes")!
    const features = rows.filter((row) => row.length === head.length && row !== head)
    assert.isAbove(features.length, 15)
    for (const row of features) {
      const files = [...row.at(-1)!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!)
      if (row[1] !== "no") assert.isNotEmpty(files, row[0])
      for (const file of files) assert.isTrue(existsSync(join(root, file)), `${row[0]}: ${file}`)
    }
  })

  it("names what rules out each complaint, and it is there", () => {
    const complaints = rows.filter((row) => row.length === 4 && row[0] !== "complaint")
    assert.isAbove(complaints.length, 10)
    for (const row of complaints) {
      const files = [...row.at(-1)!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!)
      assert.isNotEmpty(files, row[0])
      for (const file of files) assert.isTrue(existsSync(join(root, file)), `${row[0]}: ${file}`)
    }
  })
})
