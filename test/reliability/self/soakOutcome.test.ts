/** The `soak` campaign accepts only those outcomes of an act that a failure of the disk explains. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Act } from "../crashes/acts.ts"
import { afterAct, textOf, type World } from "../crashes/world.ts"
import { checkReason, didSomething, missing, tagOf, worldsBehind } from "../soak/outcome.ts"

const world: World = new Map([
  ["a", { records: ["1"], archived: false, user: undefined }],
  ["b", { records: [], archived: true, user: undefined }]
])
const append: Act = { _tag: "append", parts: [{ tape: "a", records: ["2"] }] }
const events: Act = { _tag: "events", parts: [{ tape: "order", records: ["3"] }] }
const create: Act = { _tag: "create", tape: "c" }
const user: Act = { _tag: "user", tape: "a", value: 4 }
const all: ReadonlyArray<Act> = [append, events, create, user]

const isAfterAllowed = (act: Act, tag: string): boolean =>
  worldsBehind(world, act, tag, "since").some((one) => textOf(one) === textOf(afterAct(world, act)))

const failure = (cause: Cause.Cause<unknown>) => Exit.failCause(cause) as Exit.Failure<unknown, unknown>

describe("the judge of the `soak` campaign", () => {
  it("accepts no error if the disk did not fail", () => {
    for (const act of all) {
      for (const tag of ["CommitOutcomeUnknown", "WriterPoisoned", "StorageError", "TapeNotFound"]) {
        assert.throws(() => worldsBehind(world, act, tag, "never"), /the disk had not failed/)
      }
    }
  })

  it("accepts disk errors during the act, and after an earlier failure only those of a poisoned writer", () => {
    for (const tag of ["TapeNotFound", "TapeArchived", "SegmentCorrupt", "LibClosed"]) {
      for (const failed of ["since", "before"] as const)
        assert.throws(() => checkReason(tag, failed, "it"), /does not explain/)
    }
    assert.throws(() => checkReason("StorageError", "before", "it"), /does not explain/)
    checkReason("StorageError", "since", "it")
    checkReason("WriterPoisoned", "before", "it")
  })

  it("accepts records of a failed append only after `CommitOutcomeUnknown`", () => {
    for (const act of [append, events]) {
      assert.isTrue(isAfterAllowed(act, "CommitOutcomeUnknown"))
      assert.isFalse(isAfterAllowed(act, "WriterPoisoned"))
      assert.isFalse(isAfterAllowed(act, "StorageError"))
    }
    // The tape of a new category is made before its first events.
    assert.strictEqual(worldsBehind(world, events, "WriterPoisoned", "since").length, 2)
  })

  it("accepts a failed change of meta only after `WriterPoisoned`", () => {
    for (const act of [create, user]) {
      assert.isTrue(isAfterAllowed(act, "WriterPoisoned"))
      assert.isFalse(isAfterAllowed(act, "StorageError"))
      assert.throws(() => isAfterAllowed(act, "CommitOutcomeUnknown"), /commits nothing/)
    }
  })

  it("rejects a defect, an interruption and an error without a tag", () => {
    assert.strictEqual(tagOf(failure(Cause.fail({ _tag: "StorageError" })), "it"), "StorageError")
    assert.throws(() => tagOf(failure(Cause.die(new Error("a defect"))), "it"), /a defect/)
    assert.throws(() => tagOf(failure(Cause.interrupt(1)), "it"), /nobody interrupted it/)
    assert.throws(() => tagOf(failure(Cause.fail("no tag")), "it"), /untyped error/)
  })

  it("counts only acts that had something to do", () => {
    assert.isTrue(didSomething(world, append, []))
    assert.isFalse(didSomething(world, { _tag: "create", tape: "a" }, undefined))
    assert.isTrue(didSomething(world, { _tag: "archive", tape: "a" }, undefined))
    assert.isFalse(didSomething(world, { _tag: "archive", tape: "b" }, undefined))
    assert.isTrue(didSomething(world, { _tag: "activate", tape: "b" }, undefined))
    assert.isFalse(didSomething(world, { _tag: "flush", tape: "a" }, undefined))
  })

  it("reports each kind of act that was never done, in a long run and in a short one", () => {
    const kinds = ["create", "events", "clone", "user", "append", "repack", "flush", "archive", "activate"]
    const done = new Map(kinds.map((kind) => [kind, 600]))
    assert.deepStrictEqual(missing(done, 600), [])
    for (const kind of kinds) {
      const [line, ...others] = missing(new Map([...done, [kind, 0]]), 600)
      assert.match(line!, new RegExp(`"${kind}"`))
      assert.deepStrictEqual(others, [])
    }
    assert.match(missing(done, 45_000).join("\n"), /"append to several"/)
  })
})
