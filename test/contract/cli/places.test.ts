/** Places that a command cannot use: each is refused as a wrong argument, and nothing is made. */
import { assert, describe, it } from "@effect/vitest"
import * as PromiseStore from "litetapes/PromiseStore"
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { run } from "../../support/commandLine.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const place = temporaryFolder()

const newLib = async (): Promise<string> => {
  const lib = place()
  await using store = await PromiseStore.open(lib)
  await store.append("order-1", [{ type: "OrderPlaced", data: { cents: 1 } }])
  return lib
}

describe("a place in the folder that is read from", () => {
  it("is refused, however it is named, by backup, copy and restore", async () => {
    const lib = await newLib()
    const link = place()
    symlinkSync(lib, link)
    const backup = place()
    assert.strictEqual((await run(["--lib", lib, "backup", backup, "--yes"])).code, 0)
    for (const target of [join(link, "new"), relative(process.cwd(), join(lib, "new")), link, dirname(lib)]) {
      for (const command of ["backup", "copy"]) {
        const refused = await run(["--lib", lib, command, target, "--yes"])
        assert.deepInclude(refused, { code: 2, out: "" }, `${command} ${target}`)
        assert.match(refused.err, /Choose a place (?:outside of|apart from) it\.\n$/)
      }
    }
    const inBackup = relative(process.cwd(), join(backup, "new"))
    const refused = await run(["restore", backup, inBackup, "--yes"])
    assert.deepInclude(refused, { code: 2, out: "" })
    assert.match(refused.err, /Choose a place outside of it\.\n$/)
    assert.isFalse(existsSync(join(lib, "new")) || existsSync(join(backup, "new")))
  })
})

describe("a place that does not fit", () => {
  it("is a wrong argument, and says nothing of the lib that is read", async () => {
    const lib = await newLib()
    const files = place()
    mkdirSync(files)
    writeFileSync(join(files, "notes.txt"), "")
    const backup = place()
    assert.strictEqual((await run(["--lib", lib, "backup", backup, "--yes"])).code, 0)
    const calls = [
      ["--lib", lib, "backup", files],
      ["--lib", lib, "copy", files],
      ["--lib", lib, "copy", await newLib()],
      ["restore", place(), place()],
      ["restore", files, place()],
      ["restore", backup, files],
      ["restore", backup, place(), "--upto", "99999"]
    ]
    for (const call of calls) {
      const refused = await run([...call, "--yes"])
      assert.deepInclude(refused, { code: 2, out: "" }, call.join(" "))
      assert.notInclude(refused.err, "doctor", call.join(" "))
    }
  })
})

describe("--dry-run", () => {
  it("refuses what could not be done", async () => {
    const lib = await newLib()
    const none = place()
    const calls = [
      ["restore", none, place()],
      ["restore", lib, place()],
      ["--lib", lib, "archive", "nothing"],
      ["--lib", lib, "activate", "nothing"],
      ["--lib", none, "archive", "order"]
    ]
    for (const call of calls) {
      assert.deepInclude(await run([...call, "--dry-run"]), { code: 2, out: "" }, call.join(" "))
    }
    rmSync(lib, { recursive: true })
    assert.deepInclude(await run(["--lib", lib, "salvage", "order", "--dry-run"]), { code: 2, out: "" })
  })
})
