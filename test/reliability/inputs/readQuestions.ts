/** Reads everything of a lib that may be hostile, and checks that the answers are consistent. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { InvalidArgument } from "litetapes/Errors"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Merkle from "litetapes/Merkle"
import type * as Tape from "litetapes/Tape"
import * as TaraSON from "litetapes/TaraSON"
import { attempt } from "../../../src/services/base/attempt.ts"
import { type Asker, type Findings, openTape, tapesOf } from "./asker.ts"
import { blameMessage, isTag } from "./judge.ts"
import { print } from "./values.ts"

/** Reads everything of one tape. */
const readTape = (asker: Asker, tape: Tape.Tape["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { ask, findings, random, sometimes } = asker
    const { name } = tape
    yield* ask(`${name}.meta`, tape.meta)
    const size = (yield* ask(`${name}.size`, tape.size)) ?? 0
    const forward = yield* ask(`${name}.records`, Stream.runCollect(tape.records()))
    if (forward !== undefined) {
      findings.records.set(name, forward.map(idOf))
      if (forward.length !== size) findings.blames.push(`${name} has ${size} records but returned ${forward.length}`)
    }
    const backward = yield* sometimes(0.3, `${name}.reverse`, Stream.runCollect(tape.records({ reverse: true })))
    if (forward !== undefined && backward !== undefined) {
      const isSame =
        forward.length === backward.length && forward.every((one, at) => idOf(one) === idOf(backward.at(-1 - at)!))
      if (!isSame) findings.blames.push(`${name} returns other records backwards`)
    }
    const from = random.below(size + 2)
    const range = { from, to: from + 1 + random.below(5) }
    yield* sometimes(0.3, `${name}.records from ${from}`, Stream.runDrain(tape.records(range)))
    const segments = (yield* ask(`${name}.segments`, tape.segments)) ?? []
    for (const { number } of segments.slice(0, 4)) {
      yield* sometimes(0.15, `${name}.readSegment`, Stream.runDrain(tape.readSegment(number)))
      yield* sometimes(0.15, `${name}.verifySegment`, tape.verifySegment(number))
    }
    yield* checkHeads(asker, tape, forward, from)
  })

/** Checks that heads, proofs and verification agree with the records that were read. */
const checkHeads = (
  { ask, findings, sometimes }: Asker,
  tape: Tape.Tape["Service"],
  records: ReadonlyArray<TaraSON.JsonObject> | undefined,
  from: number
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { name } = tape
    const head = yield* ask(`${name}.head`, tape.head)
    const report = yield* sometimes(0.3, `${name}.verify`, tape.verify())
    if (report !== undefined) lookAtReport(findings, report)
    if (head !== undefined && records !== undefined && report?.ok === true) {
      const merkle = new Merkle.Accumulator()
      for (const record of records) merkle.add(TaraSON.toBytes(print(record)))
      if (merkle.root() !== head.root)
        findings.blames.push(`${name} verifies, but its head has another root than its records`)
    }
    yield* sometimes(0.2, `${name}.proveInclusion`, tape.proveInclusion(from))
    const empty = { tape: tape.id, records: 0, root: Merkle.root(Merkle.empty) }
    yield* sometimes(0.1, `${name}.proveConsistency`, tape.proveConsistency(empty))
    yield* sometimes(0.1, `${name}.proveConsistency from ${from}`, tape.proveConsistency({ ...empty, records: from }))
    if (head !== undefined) yield* sometimes(0.2, `${name}.checkHead`, tape.checkHead(head))
  })

const lookAtReport = (findings: Findings, report: Lib.VerifyReport): void => {
  for (const { error, why } of report.bad) {
    if (!isTag(error)) findings.blames.push(`verify reports ${error}, which is not an error of the package`)
    const blame = blameMessage(why)
    if (blame !== undefined) findings.blames.push(`verify: ${error} ${blame}`)
    if (findings.outcome === "ok") findings.outcome = `verify ${error}`
  }
}

/** Reads everything of the events. */
const readEvents = (
  { findings, random, sometimes }: Asker,
  store: EventStore.EventStore["Service"]
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const streams = new Set(["order-1"])
    for (const options of [{}, { allowGaps: true }, { direction: "backward", allowGaps: true }] as const) {
      const events = yield* sometimes(
        0.4,
        `readAll ${JSON.stringify(options)}`,
        Stream.runCollect(store.readAll(options))
      )
      for (const event of events ?? []) if (streams.size < 4) streams.add(event.stream)
      const isOrdered = (events ?? []).every((event, at, all) => {
        const before = all[at - 1]?.position
        return before === undefined || ("direction" in options ? before > event.position : before < event.position)
      })
      if (!isOrdered) findings.blames.push(`readAll ${JSON.stringify(options)} is not in order`)
    }
    const range = { from: random.below(12), to: 5 + random.below(20), allowGaps: true }
    yield* sometimes(0.3, "readAll from", Stream.runDrain(store.readAll(range)))
    const filter = { tags: ["tag"], correlationId: "x" }
    yield* sometimes(0.2, "readAll filter", Stream.runDrain(store.readAll({ filter })))
    yield* askQuery(findings, sometimes, random, store)
    for (const stream of streams) {
      yield* sometimes(0.4, "read", Stream.runDrain(store.read(stream)))
      yield* sometimes(0.3, "read backward", Stream.runDrain(store.read(stream, { direction: "backward", limit: 3 })))
      yield* sometimes(0.3, "read from", Stream.runDrain(store.read(stream, { from: random.below(4) })))
      yield* sometimes(0.3, "revision", store.revision(stream))
    }
  })

const queries: ReadonlyArray<EventStore.Query> = [
  "all",
  [{ tags: ["tag"] }],
  [{ types: ["Happened"] }, { types: ["Later"], tags: ["tag"] }]
]

/** Checks that a query returns what its boundary says, and that a boundary is taken or refused as a whole. */
const askQuery = (
  findings: Findings,
  sometimes: Asker["sometimes"],
  random: Asker["random"],
  store: EventStore.EventStore["Service"]
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const query = random.pick(queries)
    const found = yield* sometimes(0.3, `query ${JSON.stringify(query)}`, store.query(query))
    if (found === undefined) return
    const { boundary, events } = found
    if (events.some(({ position }) => position >= boundary.position)) {
      findings.blames.push(`query ${JSON.stringify(query)} returns events that its boundary has not seen`)
    }
    yield* sometimes(0.5, "query backward", store.query(query, { direction: "backward", limit: 2 }))
    const text = boundary.encode()
    const at = random.below(text.length)
    const near = text.slice(0, at) + random.pick(["0", "f", "-", ".", "1", ""]) + text.slice(at + random.below(2))
    const decoded = attempt<EventStore.Boundary, InvalidArgument>(() => EventStore.Boundary.decode(near))
    const later = Effect.flatMap(decoded, (after) => store.query(query, { after }))
    const expected = ["InvalidArgument", "NotInHistory"] as const
    yield* sometimes(
      0.3,
      `query after ${near}`,
      Effect.catchTag(later, expected, () => Effect.void)
    )
  })

export const readLib = (asker: Asker, lib: Lib.Lib["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { findings, random, sometimes } = asker
    for (const { name } of yield* tapesOf(asker, lib)) {
      const tape = yield* openTape(asker, lib, name)
      if (tape !== undefined) yield* readTape(asker, tape)
    }
    yield* readEvents(asker, yield* Effect.provideService(EventStore.make, Lib.Lib, lib))
    const depth = random.next() < 0.3 ? "files" : "records"
    const report = yield* sometimes(0.3, "verify", lib.verify({ depth }))
    if (report !== undefined) lookAtReport(findings, report)
    yield* sometimes(0.2, "refresh", lib.refresh)
  })

/** Returns the id of a record, even one that cannot be canonical. */
const idOf = (record: TaraSON.JsonObject): string => TaraSON.recordId(print(record))
