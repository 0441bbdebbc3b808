/** The life of one lib, whose writers are killed one after the other. */
import * as assert from "node:assert"
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import { Storage } from "litetapes/Storage"
import * as TaraSON from "litetapes/TaraSON"
import { type LibService, recordsOf, tapeOf, withLib } from "../../support/openLib.ts"
import { findings } from "../../support/receipts.ts"
import { makeRandom, type Random } from "../random.ts"
import { streamNames, tapeNames } from "./batches.ts"
import { type Clone, type Moment, runAndKill, runAndOvertake, type Said, type Where } from "./killed.ts"
import { checkRuns, type Found } from "./oracle.ts"

export interface Life {
  readonly kills: number
  readonly acknowledged: number
  readonly repacks: number
  readonly clones: number
  readonly backups: number
  /** Writers that lost their lock and were overtaken. */
  readonly overtaken: number
  readonly failures: ReadonlyArray<string>
}

/** Kills `rounds` writers over a new lib at `location`. */
export const live = async (scratch: string, location: string, rounds: number, seed: number): Promise<Life> => {
  const random = makeRandom(seed)
  let found: Found = new Map([...tapeNames, ...streamNames].map((place) => [place, []]))
  let [kills, acknowledged, repacks, overtaken] = [0, 0, 0, 0]
  const clones: Array<Clone> = []
  const backups: Array<number> = []
  const runs = new Map<number, Said>()
  const failures: Array<string> = []
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [run, said] of await runRound({ scratch, location }, round, rounds, random)) {
        if (said.overtakenBy === undefined) kills += 1
        else overtaken += 1
        acknowledged += said.acks.length
        repacks += said.repacks
        clones.push(...said.clones)
        backups.push(...said.backups)
        runs.set(run, said)
      }
      // Before such a round nothing recovers the lib: the next writer finds it as the killed one left it.
      if (reopens(round + 1) && round + 1 < rounds) continue
      found = await Effect.runPromise(recover(location, found, runs, clones, round % 3 === 0 || round + 1 === rounds))
      runs.clear()
      await Effect.runPromise(checkBackup(location, found, backups.at(-1)))
    }
    if (acknowledged <= rounds) failures.push(`only ${acknowledged} batches were acknowledged in ${rounds} rounds`)
  } catch (error) {
    failures.push(`kill ${kills}: ${(error as Error).stack}`)
  }
  return { kills, acknowledged, repacks, clones: clones.length, backups: backups.length, overtaken, failures }
}

/** Runs the writer of a round, or the two of one in which the lock is lost. */
const runRound = async (
  where: Where,
  round: number,
  rounds: number,
  random: Random
): Promise<ReadonlyMap<number, Said>> => {
  const moment = momentOf(round, random)
  // The numbers of runs above all rounds are those of the second writers.
  if (losesLock(round)) return runAndOvertake(where, round, rounds + round, moment)
  return new Map([[round, await runAndKill(where, round, reopens(round) ? "reopen" : "append", moment)]])
}

/**
 * Returns whether the writer of this round is killed while it opens and closes the lib: every fourth is. It first opens
 * the lib that the killed writer before it left. Another quarter is killed around repacks, clones and backups, the others at
 * their appends.
 */
const reopens = (round: number): boolean => round % 4 === 3

/** Returns whether the writer of this round loses its lock, and another one opens the lib meanwhile: each eighth does. */
const losesLock = (round: number): boolean => round % 8 === 2

const momentOf = (round: number, random: Random): Moment => {
  if (reopens(round)) return { word: "opening", count: 1 + random.below(3), millis: random.next() * 25 }
  if (round % 4 === 1)
    return { word: random.pick(["repack", "clone", "backing", "backup"]), count: 1, millis: random.next() * 40 }
  return { word: "ack", count: 1 + Math.floor(random.next() ** 2 * 100), millis: 0 }
}

/** Opens the lib after kills: checks that everything is there and verifies, then appends and closes. */
const recover = (
  location: string,
  before: Found,
  runs: ReadonlyMap<number, Said>,
  clones: ReadonlyArray<Clone>,
  verifies: boolean
): Effect.Effect<Found, unknown> =>
  Effect.flatMap(NodeStorage.make, (storage) =>
    withLib(storage, location, (lib) =>
      Effect.gen(function* () {
        const found = yield* read(lib)
        checkRuns(found, before, runs)
        yield* checkClones(lib, found, clones)
        // Reads check the bytes that they return. Verify checks the rest, now and then and at the end.
        if (verifies) assert.deepStrictEqual(yield* findings(lib), [])
        yield* goOn(lib, found, { again: [...runs.keys()] })
        return found
      })
    )
  )

const read = Effect.fnUntraced(function* (lib: LibService) {
  const found: Found = new Map()
  for (const name of tapeNames) {
    yield* tapeOf(lib, name)
    found.set(
      name,
      (yield* recordsOf(lib, name)).map((record) => TaraSON.encode(record))
    )
  }
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  let events = 0
  for (const stream of streamNames) {
    const inStream = yield* Stream.runCollect(store.read(stream))
    for (const [index, { revision }] of inStream.entries())
      assert.strictEqual(revision, index, `revisions of ${stream}`)
    found.set(
      stream,
      inStream.map(({ data }) => TaraSON.encode(data))
    )
    events += inStream.length
  }
  const positions = (yield* Stream.runCollect(store.readAll())).map(({ position }) => position)
  assert.deepStrictEqual(positions, [...Array(events).keys()], "positions of all events")
  return found
})

/** Checks that each clone holds the first records of its source. */
const checkClones = Effect.fnUntraced(function* (lib: LibService, found: Found, clones: ReadonlyArray<Clone>) {
  const names = new Set((yield* lib.tapes).map(({ name }) => name))
  for (const { name, source } of clones) {
    assert.ok(names.has(name), `${name} was cloned`)
    const records = (yield* recordsOf(lib, name)).map((record) => TaraSON.encode(record))
    assert.deepStrictEqual(records, found.get(source)!.slice(0, records.length), `${name} is a clone of ${source}`)
  }
})

/**
 * Restores the backup, whatever a kill has left of a later one, and checks that it holds the beginning of the lib: at
 * least up to the last backup that was done. Then a backup of the lib as it is now must work.
 */
const checkBackup = (location: string, found: Found, last: number | undefined): Effect.Effect<void, unknown> =>
  Effect.flatMap(NodeStorage.make, (storage) =>
    Effect.gen(function* () {
      if (last === undefined) return
      const [backup, restored] = [`${location}-backup`, `${location}-restored`]
      const { place } = yield* Effect.provideService(Lib.restore(backup, restored), Storage, storage)
      assert.ok(place.position >= last, `a backup of ${last} events was done, and ${place.position} are restored`)
      yield* withLib(storage, restored, (lib) =>
        Effect.gen(function* () {
          for (const [name, lines] of yield* read(lib)) {
            assert.deepStrictEqual(lines, found.get(name)!.slice(0, lines.length), `${name} in the backup`)
          }
          assert.deepStrictEqual(yield* findings(lib), [])
        })
      )
      fs.rmSync(restored, { recursive: true })
      yield* withLib(storage, location, (lib) => lib.backup(backup))
    })
  )

/** Appends a record to every tape and an event to every stream, and checks that they come last. */
const goOn = Effect.fnUntraced(function* (lib: LibService, found: Found, added: TaraSON.JsonObject) {
  const receipts = yield* lib.commit(tapeNames.map((tape) => ({ tape, records: [added] })))
  for (const { tape, firstOrdinal } of receipts) assert.strictEqual(firstOrdinal, found.get(tape)!.length)
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  for (const stream of streamNames) {
    const count = found.get(stream)!.length
    const expected = count === 0 ? ("no-stream" as const) : count - 1
    yield* store.append(stream, [{ type: "Again", data: added }], { expected })
  }
  for (const lines of found.values()) lines.push(TaraSON.encode(added))
})
