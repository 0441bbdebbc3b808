/**
 * Checks what killed writers left: all acknowledged batches in order, and at most one unacknowledged batch of each
 * lane.
 */
import * as assert from "node:assert"
import * as TaraSON from "litetapes/TaraSON"
import { type KillRecord, lanes, partsOf } from "./batches.ts"
import type { Ack, Said } from "./killed.ts"

/** The records of each tape and each stream, as canonical text. */
export type Found = Map<string, Array<string>>

/** What consecutive writers acknowledged, by the number of their run. */
export type Runs = ReadonlyMap<number, Said>

/** Throws unless `found` is what was there `before`, followed by what these writers acknowledged. */
export const checkRuns = (found: Found, before: Found, runs: Runs): void => {
  for (const [place, old] of before) {
    assert.deepStrictEqual(found.get(place)!.slice(0, old.length), old, `${place} still begins with its old records`)
  }
  checkOvertaken(found, before, runs)
  for (const [run, counts] of countBatches(found, before, runs)) {
    for (const [lane, count] of counts.entries()) checkLane(found, before, run, lane, count, runs.get(run)!.acks)
  }
}

/** Throws unless everything of a writer that was overtaken comes before everything of the one that overtook it. */
const checkOvertaken = (found: Found, before: Found, runs: Runs): void => {
  for (const [run, { overtakenBy }] of runs) {
    if (overtakenBy === undefined) continue
    for (const [place, old] of before) {
      const writers = found
        .get(place)!
        .slice(old.length)
        .map((line) => (JSON.parse(line) as KillRecord).run)
      const first = writers.indexOf(overtakenBy)
      assert.ok(first === -1 || writers.lastIndexOf(run) < first, `${place}: run ${run} ended before ${overtakenBy}`)
    }
  }
}

const recordsIn = (run: number, lane: number, seq: number): number =>
  partsOf(run, lane, seq).reduce((sum, part) => sum + part.records.length, 0)

/**
 * Counts the batches of each lane, by run. Throws unless all are whole, no earlier one is missing, and nothing else is
 * there.
 */
const countBatches = (found: Found, before: Found, runs: Runs): Map<number, Array<number>> => {
  const batches = new Map([...runs.keys()].map((run) => [run, Array.from({ length: lanes }, () => new Set<number>())]))
  let records = 0
  for (const [place, old] of before) {
    const fresh = found.get(place)!.slice(old.length)
    records += fresh.length
    for (const line of fresh) {
      const record = JSON.parse(line) as KillRecord
      assert.ok(batches.has(record.run), `nobody else wrote to ${place}`)
      batches.get(record.run)![record.lane]!.add(record.seq)
    }
  }
  for (const [run, byLane] of batches) {
    for (const [lane, seqs] of byLane.entries()) {
      const ascending = [...seqs].toSorted((a, b) => a - b)
      assert.deepStrictEqual(ascending, [...Array(seqs.size).keys()], `lane ${lane} of run ${run} has no gaps`)
      for (const seq of seqs) records -= recordsIn(run, lane, seq)
    }
  }
  assert.strictEqual(records, 0, "whole batches, and nothing else")
  return new Map([...batches].map(([run, byLane]) => [run, byLane.map((seqs) => seqs.size)]))
}

/** Returns where each part of a batch begins. Throws unless the records of the part are together and in order. */
const placesOf = (found: Found, before: Found, run: number, lane: number, seq: number): Array<number> =>
  partsOf(run, lane, seq).map(({ place, records }) => {
    const lines = found.get(place)!
    const expected = records.map((record) => TaraSON.encode(record))
    const first = lines.indexOf(expected[0]!, before.get(place)!.length)
    assert.deepStrictEqual(lines.slice(first, first + expected.length), expected, `batch ${seq} in ${place}`)
    return first
  })

/**
 * Checks one lane: its acknowledged batches are where the acknowledgements say, and at most one more batch is there.
 */
const checkLane = (found: Found, before: Found, run: number, lane: number, count: number, acks: ReadonlyArray<Ack>) => {
  const acked = acks.filter((ack) => ack.lane === lane)
  const where = `lane ${lane} of run ${run}`
  assert.deepStrictEqual(
    acked.map(({ seq }) => seq),
    [...acked.keys()],
    `${where}: its acknowledgements are in order`
  )
  assert.ok(count >= acked.length, `${where}: ${acked.length} batches were acknowledged, ${count} are there`)
  assert.ok(count <= acked.length + 1, `${where}: ${acked.length} batches were acknowledged, and ${count} are there`)
  const last = new Map<string, number>()
  for (let seq = 0; seq < count; seq++) {
    const places = placesOf(found, before, run, lane, seq)
    if (seq < acked.length) assert.deepStrictEqual(places, acked[seq]!.firsts, `${where}: places of batch ${seq}`)
    for (const [index, { place }] of partsOf(run, lane, seq).entries()) {
      assert.ok(places[index]! > (last.get(place) ?? -1), `${where}: its batches are in order`)
      last.set(place, places[index]!)
    }
  }
}
