/** A dynamic segment in a folder that ends too early: what opening, readers and verify report of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeStorage from "litetapes/NodeStorage"
import { scan } from "../../src/domain/journal/DynamicSegment.ts"
import { sizeWith } from "../../src/domain/journal/Room.ts"
import { withoutRoom } from "../support/copyLib.ts"
import { type LibService, openSession, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { itQuietly } from "../support/transformGround.ts"

const folder = temporaryFolder()
let places = 0
const fresh = () => path.join(folder(), String((places += 1)))

/** Copies the lib as a kill would leave it, after records of these sizes, one batch each. Without a hint. */
const killed = (sizes: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const at = fresh()
    const to = fresh()
    const storage = yield* NodeStorage.make
    const { close, lib } = yield* openSession(storage, at)
    yield* lib.createTape("notes")
    for (const size of sizes) yield* lib.commit([{ tape: "notes", records: [{ text: "x".repeat(size) }] }])
    fs.cpSync(at, to, { recursive: true })
    yield* close
    fs.rmSync(path.join(to, "litelib.acked"))
    return { storage, lib: to, file: path.join(to, "litelib.dynamic-000001.jsonl") }
  })

const noHash = "0".repeat(64)

/** Offsets at which the batches of a dynamic segment end. */
const endsOf = (file: string): ReadonlyArray<number> =>
  scan(fs.readFileSync(file), { batch: 0, hash: noHash }, undefined).batches.map(({ end }) => end)

const tailsOf = (lib: LibService) =>
  Effect.map(lib.verify(), ({ bad, tornTail }) => {
    assert.deepStrictEqual(bad, [])
    return [lib.report.tornTail, tornTail] as const
  })

describe("the end of a dynamic segment", () => {
  itQuietly(
    "is reported by a reader, a writer and verify if it is torn, or cut at the end of a batch without a hint",
    () =>
      Effect.gen(function* () {
        const { file, lib, storage } = yield* killed([40, 50, 60, 70, 80, 90, 100])
        const ends = endsOf(file)
        const whole = fs.readFileSync(file)
        assert.isAbove(whole.length, ends.at(-1)!)
        for (const end of ends.slice(2)) {
          for (const bytes of [0, 30]) {
            fs.writeFileSync(file, withoutRoom(whole).subarray(0, end + bytes))
            if (bytes > 0 && end === ends.at(-1)) continue
            const expected = { file: path.basename(file), offset: end, bytes }
            const reader = yield* withLib(storage, lib, tailsOf, { mode: "read" })
            assert.deepStrictEqual(reader, [expected, expected])
          }
        }
        fs.writeFileSync(file, whole.subarray(0, ends[4]))
        const expected = { file: path.basename(file), offset: ends[4]!, bytes: 0 }
        assert.deepStrictEqual(yield* withLib(storage, lib, tailsOf), [expected, expected])
        assert.deepStrictEqual(yield* withLib(storage, lib, tailsOf), [undefined, undefined])
      })
  )

  it("never looks cut off after any batches", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(10, 400, 5_000, 15_900, 17_000), { minLength: 1, maxLength: 12 }),
        (sizes) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const { file, lib, storage } = yield* killed(sizes)
              const bytes = fs.readFileSync(file)
              const { batches } = scan(bytes, { batch: 0, hash: noHash }, undefined)
              assert.isAtLeast(bytes.length, sizeWith(batches))
              assert.deepStrictEqual(yield* withLib(storage, lib, tailsOf, { mode: "read" }), [undefined, undefined])
            })
          )
      ),
      { numRuns: 15 }
    ))
})
