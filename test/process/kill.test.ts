/** `kill -9` at any moment, again and again over one folder: nothing that was acknowledged is lost, nothing is half. */
import * as Effect from "effect/Effect"
import * as NodeStorage from "litetapes/NodeStorage"
import { assert, describe, it } from "vitest"
import { type KillRecord, lanes, partsOf, tapeNames } from "../support/killBatches.ts"
import { type Ack, type Moment, runAndKill } from "../support/killed.ts"
import { existingTape, type LibService, recordsOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const rounds = Number(process.env["LITETAPES_KILLS"] ?? 50)

const newPlace = temporaryFolder()

/** What each tape holds, as canonical text a record: all that was found until now. */
type Found = Map<string, Array<string>>

const text = (record: unknown): string => JSON.stringify(record)

const read = (lib: LibService) =>
  Effect.gen(function* () {
    const found: Found = new Map()
    for (const name of tapeNames) {
      yield* tapeOf(lib, name)
      const records = yield* recordsOf(lib, name)
      found.set(name, records.map(text))
    }
    return found
  })

/** Acknowledgements of writers that came one after the other, by their runs. */
type Runs = Map<number, ReadonlyArray<Ack>>

const recordsIn = (run: number, lane: number, seq: number): number =>
  partsOf(run, lane, seq).reduce((sum, part) => sum + part.records.length, 0)

/** How many batches of each lane are there, by run: whole ones, none without those before it, and nothing else. */
const countBatches = (found: Found, before: Found, runs: Runs): Map<number, Array<number>> => {
  const batches = new Map([...runs.keys()].map((run) => [run, Array.from({ length: lanes }, () => new Set<number>())]))
  let records = 0
  for (const name of tapeNames) {
    const fresh = found.get(name)!.slice(before.get(name)!.length)
    records += fresh.length
    for (const line of fresh) {
      const record = JSON.parse(line) as KillRecord
      assert.isTrue(batches.has(record.run))
      batches.get(record.run)![record.lane]!.add(record.seq)
    }
  }
  for (const [run, byLane] of batches) {
    for (const [lane, seqs] of byLane.entries()) {
      assert.deepStrictEqual(
        [...seqs].toSorted((a, b) => a - b),
        [...Array(seqs.size).keys()]
      )
      for (const seq of seqs) records -= recordsIn(run, lane, seq)
    }
  }
  assert.strictEqual(records, 0, "whole batches, and nothing else")
  return new Map([...batches].map(([run, byLane]) => [run, byLane.map((seqs) => seqs.size)]))
}

const sorted = (record: KillRecord): object =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** Where a batch stands in each of its tapes: as it was sent, its records together and in order. */
const placesOf = (found: Found, before: Found, run: number, lane: number, seq: number): Array<number> =>
  partsOf(run, lane, seq).map(({ tape, records }) => {
    const lines = found.get(tape)!
    const expected = records.map((record) => text(sorted(record)))
    const first = lines.indexOf(expected[0]!, before.get(tape)!.length)
    assert.deepStrictEqual(lines.slice(first, first + expected.length), expected)
    return first
  })

/** What was acknowledged of a lane is there, where it was said to be, and at most the one append that was under way. */
const checkLane = (found: Found, before: Found, run: number, lane: number, count: number, acks: ReadonlyArray<Ack>) => {
  const acked = acks.filter((ack) => ack.lane === lane)
  assert.deepStrictEqual(
    acked.map(({ seq }) => seq),
    [...acked.keys()]
  )
  assert.isAtLeast(count, acked.length)
  assert.isAtMost(count, acked.length + 1)
  const last = new Map<string, number>()
  for (let seq = 0; seq < count; seq++) {
    const places = placesOf(found, before, run, lane, seq)
    if (seq < acked.length) assert.deepStrictEqual(places, acked[seq]!.firstOrdinals)
    for (const [index, { tape }] of partsOf(run, lane, seq).entries()) {
      assert.isAbove(places[index]!, last.get(tape) ?? -1)
      last.set(tape, places[index]!)
    }
  }
}

const checkRuns = (found: Found, before: Found, runs: Runs): void => {
  for (const name of tapeNames) {
    const old = before.get(name)!
    assert.deepStrictEqual(found.get(name)!.slice(0, old.length), old)
  }
  for (const [run, counts] of countBatches(found, before, runs)) {
    for (const [lane, count] of counts.entries()) checkLane(found, before, run, lane, count, runs.get(run)!)
  }
}

/** The writer that comes after: everything is there, and it can append, close and verify. */
const recover = (location: string, before: Found, runs: Runs) =>
  Effect.flatMap(NodeStorage.make, (storage) =>
    withLib(storage, location, (lib) =>
      Effect.gen(function* () {
        const found = yield* read(lib)
        checkRuns(found, before, runs)
        const added = { again: [...runs.keys()] }
        const receipts = yield* lib.commit(tapeNames.map((tape) => ({ tape, records: [added] })))
        for (const { tape, firstOrdinal } of receipts) {
          assert.strictEqual(firstOrdinal, found.get(tape)!.length)
          found.get(tape)!.push(text(added))
        }
        return found
      })
    )
  )

/**
 * Every fourth writer is killed while it opens and closes the lib, the first time that of a writer that was killed before
 * it. The others are killed at their work.
 */
const reopens = (round: number): boolean => round % 4 === 3

const momentOf = (round: number, random: () => number): Moment =>
  reopens(round)
    ? { openings: 1 + Math.floor(random() * 3), millis: random() * 25 }
    : { acks: 1 + Math.floor(random() ** 2 * 150) }

describe("kill -9", () => {
  it(
    `${rounds} times: what was acknowledged is there, batches are whole, and appends go on`,
    async () => {
      const location = newPlace()
      let found: Found = new Map(tapeNames.map((name) => [name, []]))
      let acknowledged = 0
      const runs: Runs = new Map()
      for (let round = 0; round < rounds; round++) {
        const mode = reopens(round) ? "reopen" : "append"
        const acks = await runAndKill(location, round, mode, momentOf(round, Math.random))
        acknowledged += acks.length
        runs.set(round, acks)
        if (reopens(round + 1) && round + 1 < rounds) continue
        found = await Effect.runPromise(recover(location, found, runs))
        runs.clear()
      }
      assert.isAbove(acknowledged, rounds)
      const storage = await Effect.runPromise(NodeStorage.make)
      await Effect.runPromise(withLib(storage, location, (lib) => verifyAll(lib, found)))
    },
    60_000 + 2000 * rounds
  )
})

const verifyAll = (lib: LibService, found: Found) =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* read(lib), found)
    for (const name of tapeNames) {
      const tape = yield* existingTape(lib, name)
      for (const { number } of yield* tape.segments) yield* tape.verifySegment(number)
    }
  })
