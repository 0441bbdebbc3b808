/**
 * Opens the lib at its first argument and appends as fast as it can until it is killed: batches over several tapes and
 * events over several streams, while it also repacks and clones tapes, and backs the lib up; or while it loses its lock. It
 * prints each acknowledgement before the next append of that lane begins.
 *
 * Lines: `opening`, `ack <lane> <seq> <first ordinal or revision of each part>`, `clone <name> <tape>`, `repack`,
 * `backing`, `backup <position>`, `dropped`, `closed`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import type * as Tape from "litetapes/Tape"
import { say } from "../../support/children.ts"
import { existingTape, type LibService, tapeOf } from "../../support/openLib.ts"
import { isEventLane, isOwn, lanes, partsOf, tapeNames } from "./batches.ts"

const [location, runText, mode] = process.argv.slice(2)
const run = Number(runText)

type Store = EventStore.EventStore["Service"]

const next = Array.from({ length: lanes }, () => 0)

const appendRecords = (lib: LibService, lane: number, seq: number) =>
  Effect.map(lib.commit(partsOf(run, lane, seq).map(({ place, records }) => ({ tape: place, records }))), (receipts) =>
    receipts.map(({ firstOrdinal }) => firstOrdinal)
  )

const appendEvents = Effect.fnUntraced(function* (store: Store, lane: number, seq: number) {
  const appends: Array<EventStore.StreamAppend> = []
  for (const { place: stream, records } of partsOf(run, lane, seq)) {
    const events = records.map((data) => ({ type: "Written", data, id: `${run}-${lane}-${seq}-${data.n}` }))
    const revision = yield* store.revision(stream)
    appends.push({ stream, events, expected: isOwn(stream) ? revision : "any" })
  }
  const firsts = (yield* store.appendAll(appends)).map(({ firstRevision }) => firstRevision)
  if (seq % 8 === 0) {
    // As another request would: with other metadata.
    const again = yield* store.appendAll(appends, { correlationId: `again ${seq}` })
    const isRepeat = again.every(({ firstRevision, repeated }, at) => repeated && firstRevision === firsts[at])
    if (!isRepeat) throw new Error(`a retry of ${run}-${lane}-${seq} is not a repeat: ${JSON.stringify(again)}`)
  }
  return firsts
})

const write = Effect.fnUntraced(function* (lib: LibService, store: Store, lane: number) {
  const seq = next[lane]!
  next[lane] = seq + 1
  const firsts = isEventLane(lane) ? yield* appendEvents(store, lane, seq) : yield* appendRecords(lib, lane, seq)
  say(`ack ${lane} ${seq} ${firsts.join(" ")}`)
})

const shapes: ReadonlyArray<Tape.RepackOptions> = [
  { targetBytes: 5000, compression: "zstd" },
  { targetBytes: 100_000, dedup: true },
  { targetBytes: 2000, shardEvery: 3 },
  { targetBytes: 20_000, compression: "gzip", shardEvery: 2 }
]

/** Repacks one tape after the other in different ways, and clones one now and then. */
const reshape = (lib: LibService) =>
  Effect.gen(function* () {
    for (let n = 0; ; n++) {
      yield* Effect.sleep("3 millis")
      const names = [...tapeNames, ...(yield* lib.tapes).flatMap(({ name, role }) => (role === "events" ? [name] : []))]
      const tape = yield* existingTape(lib, names[(run + n) % names.length]!)
      yield* tape.repack(shapes[(run + n) % shapes.length])
      say("repack")
      if (n % 3 === 0) {
        say("backing")
        say(`backup ${(yield* lib.backup(`${location}-backup`)).place.position}`)
      }
      if (n % 3 !== 1 || n > 10) continue
      const [name, source] = [`copy-${run}-${n}`, tapeNames[(run + n) % tapeNames.length]!]
      yield* (yield* existingTape(lib, source)).clone(lib, name)
      say(`clone ${name} ${source}`)
    }
  })

/**
 * Opens and closes the lock file every few milliseconds, as a scanner in this process would: the kernel drops the lock each
 * time.
 */
const loseLock = Effect.gen(function* () {
  yield* Effect.sleep(`${(run * 7) % 20} millis`)
  for (;;) {
    fs.closeSync(fs.openSync(path.join(location!, "litelib.lock"), "r"))
    say("dropped")
    yield* Effect.sleep("3 millis")
  }
})

/** Opens the lib for `rounds` appends in each lane. */
const session = (rounds: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      say("opening")
      const store = yield* EventStore.open(location!, { closeBytes: 4096, backlogMax: 2 })
      const { lib } = store
      for (const name of tapeNames) yield* tapeOf(lib, name)
      if (mode !== "reopen") yield* Effect.forkScoped(Effect.orDie(reshape(lib)))
      if (mode === "dropped") yield* Effect.forkScoped(loseLock)
      const oneLane = Effect.fnUntraced(function* (lane: number) {
        for (let round = 0; round < rounds; round++) yield* write(lib, store, lane)
      })
      yield* Effect.forEach(next.keys(), oneLane, { concurrency: "unbounded", discard: true })
    })
  )

const program = Effect.forever(
  Effect.andThen(
    session(mode === "reopen" ? 3 : Number.POSITIVE_INFINITY),
    Effect.sync(() => say("closed"))
  )
)

if (location !== undefined) await Effect.runPromise(Effect.provide(program, NodeStorage.layer))
