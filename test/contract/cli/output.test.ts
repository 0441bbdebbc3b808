/** What happens if output cannot be written: nothing is passed over in silence, and no answer changes. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as PromiseStore from "litetapes/PromiseStore"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { json, output, run } from "../../support/commandLine.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const place = temporaryFolder()
const folder = place()

/** A new lib with an order, and a record on each of two tapes that differ. */
const newLib = async (): Promise<string> => {
  const lib = place()
  await using store = await PromiseStore.open(lib)
  await store.append("order-1", [{ type: "OrderPlaced", data: { cents: 1 } }])
  for (const name of ["left", "right"]) await (await store.tape(name)).append([{ $type: "Reading", name }])
  return lib
}

const onOut = (): boolean => false

/** Flips a bit in the only segment of the tape `order`. */
const damage = (lib: string): void => {
  const name = readdirSync(join(lib, "order")).find((file) => file.startsWith("seg-"))!
  const bytes = readFileSync(join(lib, "order", name))
  const at = bytes.indexOf("cents")
  bytes[at]! ^= 1
  writeFileSync(join(lib, "order", name), bytes)
}

let lib: string
beforeAll(async () => {
  mkdirSync(folder)
  lib = await newLib()
})

describe("output that cannot be written", () => {
  it.each([["ENOSPC"], ["EIO"], ["EBADF"]])("is an error that is said, other than after a reader: %s", async (code) => {
    for (const args of [["cat"], ["cat", "--json"], ["head", "order"], ["prove", "order", "0"], ["ls"], ["--help"]]) {
      const ran = await run(["--lib", lib, ...args], { onOut, outError: code })
      assert.strictEqual(ran.code, 3, args.join(" "))
      assert.strictEqual(ran.err, `litetapes: standard output could not be written: ${code}: write\n`)
    }
  })

  it.each([["EPIPE"], ["ERR_STREAM_DESTROYED"]])("is not an error once the reader has ended: %s", async (code) => {
    assert.deepInclude(await run(["--lib", lib, "cat"], { onOut, outError: code }), { code: 0, err: "" })
  })

  it.each([
    ["EPIPE", 0],
    ["ENOSPC", 3]
  ])("does not stop an append of many batches: %s", async (outError, code) => {
    const target = await newLib()
    const input = Array.from({ length: 5 }, (_, n) => JSON.stringify({ type: "A", data: n }))
    const args = ["--lib", target, "append", "many-1", "--batch", "1", "--json"]
    assert.strictEqual((await run(args, { input, onOut, outError })).code, code)
    assert.lengthOf(await json(["--lib", target, "cat", "many-1"]), 5)
  })

  it("does not hide that the answer is no", async () => {
    const ill = await newLib()
    const proof = JSON.parse(await output(["--lib", ill, "prove", "order", "0", "--json"]))
    const wrong = JSON.stringify({ ...proof, record: { $type: "Forged" } })
    damage(ill)
    for (const args of [["verify"], ["doctor", ill], ["diff", "left", "right"], ["check-proof", "-"]]) {
      for (const outError of ["EPIPE", "ENOSPC"]) {
        for (const more of [[], ["--json"]]) {
          const ran = await run(["--lib", ill, ...args, ...more], { input: [wrong], onOut, outError })
          assert.strictEqual(ran.code, 1, `${args.join(" ")} ${outError}`)
        }
      }
    }
  })
})

describe("query", () => {
  it("advises no flag that it does not have", async () => {
    const ill = await newLib()
    damage(ill)
    await run(["--lib", ill, "salvage", "order", "--yes"])
    const { code, err } = await run(["--lib", ill, "query", "OrderPlaced"])
    assert.strictEqual(code, 1)
    assert.match(err, /\nTry: litetapes accept-loss TAPE, or litetapes cat --allow-gaps\n$/)
  })
})

describe("verify", () => {
  it.each([20, 40, 80])("shows the name of a damaged file whole on a terminal of %i columns", async (terminal) => {
    const ill = await newLib()
    damage(ill)
    const [{ bad }] = JSON.parse(`[${(await run(["--lib", ill, "verify", "--json"])).out}]`)
    assert.include((await run(["--lib", ill, "verify"], { terminal })).out, bad[0].file)
  })

  it("does not call a lib intact whose reads fail by a loss that is not accepted", async () => {
    const ill = await newLib()
    damage(ill)
    await run(["--lib", ill, "salvage", "order", "--yes"])
    assert.strictEqual((await run(["--lib", ill, "cat"])).code, 1)
    for (const args of [["verify"], ["verify", "order"]]) {
      const { code, err, out } = await run(["--lib", ill, ...args])
      assert.strictEqual(code, 1)
      assert.match(out, /^losses that are not accepted: .*\nlost before, and known: 1 range of records\n$/)
      assert.strictEqual(err, "Try: litetapes accept-loss order\n")
    }
  })
})
