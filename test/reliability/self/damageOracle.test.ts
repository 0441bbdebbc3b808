/** Checks that the oracle of the damage sweep rejects what it must not accept. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { coarseDamages, flip, type Range } from "../damage/damages.ts"
import { judge } from "../damage/judge.ts"
import { type Look, look } from "../damage/look.ts"
import { storageOver } from "../damage/place.ts"
import { makeTargets, type Target } from "../damage/states.ts"
import type { Image } from "../../support/imageDisk.ts"
import { withoutRoom } from "../../support/copyLib.ts"

const targets = await makeTargets(1, "ordinary")
const targetOf = (name: string): Target => targets.find((target) => target.name === name)!

const lookAt = (target: Target, image: Image, mode: "read" | "write") =>
  Effect.flatMap(storageOver(image).storage, (storage) =>
    look(storage, target.truth, { mode, reads: "all", verify: true, goOn: false })
  )

const touched = (file: string, at: number): ReadonlyMap<string, Range> => new Map([[file, { first: at, last: at }]])

/** Returns the same look with one answer changed. */
const altered = (seen: Look, way: string, got: ReadonlyArray<string>): Look => ({
  ...seen,
  answers: seen.answers.map((answer) => (answer.way === way ? { ...answer, got } : answer))
})

describe("the oracle of the damage sweep", () => {
  it.effect("finds no fault in an undamaged lib", () =>
    Effect.gen(function* () {
      for (const target of targets) {
        for (const mode of ["read", "write"] as const) {
          const { faults } = judge(target, new Map(), yield* lookAt(target, target.image, mode))
          assert.deepStrictEqual(faults, [], `${target.name}, ${mode}`)
        }
      }
    })
  )

  it.effect("counts wrong, missing and reordered records as silent damage", () =>
    Effect.gen(function* () {
      const target = targetOf("closed")
      const file = "alpha/seg-000001.jsonl"
      const seen = yield* lookAt(target, target.image, "read")
      const lines = target.truth.tapes.get("alpha")!.lines
      const wrong = [lines.slice(1), lines.slice(0, -1), lines.toReversed(), [...lines, lines[0]!], []]
      for (const got of wrong) {
        const verdict = judge(target, touched(file, 0), altered(seen, "records of alpha", got))
        assert.isTrue(verdict.isSilent, JSON.stringify(got))
      }
    })
  )

  it.effect("requires verify to name every damaged file, and no other", () =>
    Effect.gen(function* () {
      const target = targetOf("closed")
      const whole = yield* lookAt(target, target.image, "read")
      const unnamed = judge(target, touched("alpha/seg-000001.jsonl", 3), whole)
      assert.deepStrictEqual(unnamed.faults, ["verify does not name alpha/seg-000001.jsonl"])
      const damaged = flip("/lib/alpha/seg-000001.jsonl", 50).apply(target.image)
      const seen = yield* lookAt(target, damaged, "read")
      assert.deepStrictEqual(judge(target, touched("alpha/seg-000001.jsonl", 6), seen).faults, [])
      const elsewhere = judge(target, touched("beta/seg-000001.jsonl", 6), seen).faults
      assert.isTrue(elsewhere.some((fault) => fault.includes("names no damaged file")))
      assert.isTrue(elsewhere.some((fault) => fault.includes("which is not damaged")))
    })
  )

  it.effect("accepts a missing batch only if no hint shows that it was acknowledged", () =>
    Effect.gen(function* () {
      const bare = targetOf("open, bare")
      const [last] = [...bare.image].findLast(([file, bytes]) => file.includes("dynamic-") && bytes.length > 100)!
      const size = withoutRoom(bare.image.get(last)!).length
      const cut = coarseDamages(bare.image, (file) => file === last).find(({ text }) =>
        text.endsWith(`to ${size - 1} bytes`)
      )!
      const seen = yield* lookAt(bare, cut.apply(bare.image), "write")
      const range = touched(last.slice("/lib/".length), size - 1)
      assert.deepInclude(judge(bare, range, seen), { isSilent: false, outcome: "unproven end discarded", faults: [] })
      assert.isTrue(judge(targetOf("open"), range, seen).isSilent)
      assert.isTrue(judge(bare, touched("alpha/tape.meta.jsonl", 0), seen).isSilent)
    })
  )

  it.effect("requires typed errors", () =>
    Effect.gen(function* () {
      const target = targetOf("closed")
      const seen = yield* lookAt(target, target.image, "read")
      const died = { ...seen, refused: { error: undefined, text: "a defect" } }
      assert.isAbove(judge(target, touched("litelib.meta.jsonl", 0), died).faults.length, 0)
    })
  )
})
