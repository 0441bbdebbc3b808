/** Numbers, rates and times as people read them, and what the exit codes mean. */
import { assert, describe, it } from "@effect/vitest"
import { LibLocked, LibNotFound, SegmentCorrupt, TapeArchived } from "litetapes/Errors"
import { WrongExpectedRevision } from "litetapes/EventErrors"
import { StorageError } from "litetapes/Storage"
import { exitCodeOf, sentenceOf, wayOut } from "../../../src/cli/exit.ts"
import { progressLine } from "../../../src/cli/progress.ts"
import { count, counted, duration, percent, rate, time } from "../../../src/cli/text/units.ts"

describe("numbers", () => {
  it.each([
    [count(0), "0"],
    [count(1_234_567), "1,234,567"],
    [counted(1, "event"), "1 event"],
    [counted(1000, "event"), "1,000 events"],
    [duration(59_400), "59 s"],
    [duration(125_000), "2 min 5 s"],
    [duration(7_260_000), "2 h 1 min"],
    [duration(90_000_000), "1 d 1 h"],
    [rate(10, 0), "—"],
    [rate(10_000, 1000), "10,000 a second"],
    [rate(10, 60_000), "10.0 a minute"],
    [rate(2, 3_600_000), "2.0 a hour"],
    [rate(1, 864_000_000), "0.1 a day"],
    [percent(1, 3), "33 %"],
    [percent(0, 0), "100 %"],
    [time("2026-11-30T23:12:13.456Z"), "2026-11-30 23:12:13Z"]
  ])("are shown as %s", (shown, expected) => assert.strictEqual(shown, expected))
})

describe("progress", () => {
  const half = { done: { records: 5, bytes: 50 * 1024 * 1024 }, total: { records: 10, bytes: 100 * 1024 * 1024 } }

  it("shows share, rate and time left, and a bar where there is room", () => {
    const wide = progressLine("verifying", half, 10_000, 80)
    assert.strictEqual(wide, `verifying [${"#".repeat(15)}${" ".repeat(15)}] 50 %  5.0 MiB/s, 10 s left`)
    assert.strictEqual(progressLine("verifying", half, 10_000, 45), "verifying 50 %  5.0 MiB/s, 10 s left")
    assert.isAtMost(progressLine("verifying", half, 10_000, 20).length, 19)
  })

  it("counts records where bytes are not known, and shows no time left at the end", () => {
    const done = { done: { records: 500, bytes: 0 }, total: { records: 500, bytes: 0 } }
    assert.include(progressLine("reading", done, 2000, 80), "100 %  250 records/s")
    assert.notInclude(progressLine("reading", done, 2000, 80), "left")
  })
})

describe("an error", () => {
  const locked = new LibLocked({ location: "orders" })
  const storage = (reason: StorageError["reason"], detail = "") =>
    new StorageError({ operation: "write", place: "a", reason, detail })

  it.each([
    ["not now", locked, 3],
    ["not now", new TapeArchived({ tape: "a" }), 3],
    ["not now", storage("failed", "ENOSPC: no space left"), 3],
    ["not now", storage("denied", "EACCES"), 3],
    ["no", storage("failed", "EIO"), 1],
    ["usage", new LibNotFound({ location: "a", why: "b" }), 2],
    ["no", new WrongExpectedRevision({ stream: "a", expected: 0, actual: 1 } as never), 1],
    ["no", new Error("x"), 1],
    ["no", "x", 1]
  ])("means %s: %s", (_, error, code) => assert.strictEqual(exitCodeOf(error), code))

  it("is one harmless sentence, with the command that leads out", () => {
    assert.strictEqual(sentenceOf(new Error("a\n  b\u001b[2J")), String.raw`a b\u001b[2J`)
    assert.strictEqual(wayOut(new TapeArchived({ tape: "a b" })), "litetapes activate 'a b'")
    assert.include(
      wayOut(new SegmentCorrupt({ tape: "order", segment: "s", offset: 0, why: "w" } as never)),
      "salvage order"
    )
    assert.isUndefined(wayOut(new Error("x")))
  })
})
