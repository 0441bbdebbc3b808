/** Everything that a program may ask of a lib, asked of one that may be hostile. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import * as Merkle from "litetapes/Merkle"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import * as TaraSON from "litetapes/TaraSON"
import type { Random } from "../random.ts"
import { blameMessage, isTag, judge } from "./judge.ts"
import { print } from "./values.ts"
import { type Files, type MemoryDisk, memoryDisk, place } from "./memoryDisk.ts"

/** What was found out about one input. */
export interface Findings {
  /** What must not be. */
  readonly blames: Array<string>
  /** How opening for reading ended, and then how the worst of what followed did. */
  outcome: string
  /** Record ids by tape, as a reader saw them: only of tapes that could be read whole. */
  readonly records: Map<string, ReadonlyArray<string>>
}

export const noFindings = (): Findings => ({ blames: [], outcome: "", records: new Map() })

/** Runs one operation, and judges how it ends. */
type Ask = <A, R>(name: string, effect: Effect.Effect<A, unknown, R>) => Effect.Effect<A | undefined, never, R>

const asking =
  (findings: Findings, session: string): Ask =>
  (name, effect) =>
    Effect.map(Effect.exit(effect), (exit) => {
      const { tag, blame } = judge(exit)
      if (blame !== undefined) findings.blames.push(`${session}: ${name} ${blame}`)
      const isNews = findings.outcome === "" || findings.outcome === "ok"
      if (isNews && tag !== "ok" && !aboutQuestions.has(tag)) findings.outcome = tag
      return exit._tag === "Success" ? exit.value : undefined
    })

/** Errors that say that what was asked for is not there: the questions are made up. */
const aboutQuestions: ReadonlySet<string> = new Set(["HeadMismatch", "RecordNotFound"])

/** Fibres of the library that end in a defect say so in the log. */
const listening = (findings: Findings) =>
  Logger.make(({ cause, message }) => {
    const text = [message].flat().map(String).join(" ")
    const blame = Cause.hasDies(cause) ? Cause.pretty(cause) : blameMessage(text.slice(0, 900))
    if (blame !== undefined) findings.blames.push(`in the background: ${text.slice(0, 300)} ${blame.slice(0, 1200)}`)
  })

/** Whatever the record holds. */
const idOf = (record: TaraSON.JsonObject): string => TaraSON.recordId(print(record))

/** What is asked of an input, and what decides how much of it. */
interface Asker {
  readonly ask: Ask
  readonly findings: Findings
  readonly random: Random
  /** Asks now and then: with so many inputs, each question is asked often enough. */
  readonly sometimes: <A>(
    share: number,
    name: string,
    effect: Effect.Effect<A, unknown>
  ) => Effect.Effect<A | undefined>
  /** Names of tapes of which something was changed. */
  readonly touched: ReadonlySet<string>
}

const askerOf = (findings: Findings, session: string, random: Random, touched: ReadonlySet<string>): Asker => {
  const ask = asking(findings, session)
  const sometimes: Asker["sometimes"] = (share, name, effect) =>
    random.next() < share ? ask(name, effect) : Effect.succeed(undefined)
  return { ask, findings, random, sometimes, touched }
}

/** Tapes that are looked at: hostile lists may be long. */
const tapesMax = 4

/** Those of which something was changed, and another one. */
const tapesOf = ({ random, touched }: Asker, lib: Lib.Lib["Service"]) =>
  Effect.map(lib.tapes, (tapes) => {
    const wanted = tapes.filter(({ name }) => touched.has(name)).slice(0, tapesMax)
    const other = random.pick(tapes)
    return other === undefined || wanted.includes(other) ? wanted : [...wanted, other]
  })

const openTape = ({ ask }: Asker, lib: Lib.Lib["Service"], name: string) =>
  ask(`Tape.make ${name.slice(0, 40)}`, Effect.provideService(Tape.make(name), Lib.Lib, lib))

/** All that can be read of one tape. */
const readTape = (asker: Asker, tape: Tape.Tape["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { ask, findings, random, sometimes } = asker
    const { name } = tape
    yield* ask(`${name}.meta`, tape.meta)
    const size = (yield* ask(`${name}.size`, tape.size)) ?? 0
    const forward = yield* ask(`${name}.records`, Stream.runCollect(tape.records()))
    if (forward !== undefined) {
      findings.records.set(name, forward.map(idOf))
      if (forward.length !== size) findings.blames.push(`${name} has ${size} records and gave ${forward.length}`)
    }
    const backward = yield* sometimes(0.3, `${name}.reverse`, Stream.runCollect(tape.records({ reverse: true })))
    if (forward !== undefined && backward !== undefined) {
      const isSame =
        forward.length === backward.length && forward.every((one, at) => idOf(one) === idOf(backward.at(-1 - at)!))
      if (!isSame) findings.blames.push(`${name} reads otherwise backwards`)
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

/** Heads, proofs and verification, which must agree with what was read. */
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
      if (merkle.root() !== head.root) findings.blames.push(`${name} verifies, and has another root than its records`)
    }
    yield* sometimes(0.2, `${name}.proveInclusion`, tape.proveInclusion(from))
    const empty = { tape: tape.id, records: 0, root: Merkle.root(Merkle.empty) }
    yield* sometimes(0.1, `${name}.proveConsistency`, tape.proveConsistency(empty))
    yield* sometimes(0.1, `${name}.proveConsistency from ${from}`, tape.proveConsistency({ ...empty, records: from }))
    if (head !== undefined) yield* sometimes(0.2, `${name}.checkHead`, tape.checkHead(head))
  })

const lookAtReport = (findings: Findings, report: Lib.VerifyReport): void => {
  for (const { error, why } of report.bad) {
    if (!isTag(error)) findings.blames.push(`verify found a ${error}`)
    const blame = blameMessage(why)
    if (blame !== undefined) findings.blames.push(`verify: ${error} ${blame}`)
    if (findings.outcome === "ok") findings.outcome = `verify ${error}`
  }
}

/** All that can be read of the events. */
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
    for (const stream of streams) {
      yield* sometimes(0.4, "read", Stream.runDrain(store.read(stream)))
      yield* sometimes(0.3, "read backward", Stream.runDrain(store.read(stream, { direction: "backward", limit: 3 })))
      yield* sometimes(0.3, "read from", Stream.runDrain(store.read(stream, { from: random.below(4) })))
      yield* sometimes(0.3, "revision", store.revision(stream))
    }
  })

const readLib = (asker: Asker, lib: Lib.Lib["Service"]): Effect.Effect<void> =>
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

const writeTape = ({ ask, random }: Asker, lib: Lib.Lib["Service"], tape: Tape.Tape["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { name } = tape
    const repack = {
      compression: random.pick(["none", "gzip", "zstd", "keep"] as const),
      targetBytes: random.pick([300, 1000, 1 << 20]),
      dedup: random.next() < 0.3,
      force: random.next() < 0.6,
      shardEvery: random.pick([0, 0, 3])
    }
    const steps: ReadonlyArray<() => Effect.Effect<unknown>> = [
      () => ask(`${name}.append`, tape.append([{ later: true }, { later: random.below(10) }])),
      () => ask(`${name}.appendSegment`, tape.appendSegment),
      () => ask(`${name}.setUserMeta`, tape.setUserMeta("key", { a: 1 })),
      () => ask(`${name}.removeUserMeta`, tape.removeUserMeta("colour")),
      () => ask(`${name}.repack ${JSON.stringify(repack)}`, tape.repack(repack)),
      () => ask(`${name}.clone`, tape.clone(lib, `${name.slice(0, 20)}-copy`)),
      () => ask(`${name}.verify`, tape.verify())
    ]
    for (let n = 0; n < 3; n++) yield* random.pick(steps)()
  })

const write = (asker: Asker, lib: Lib.Lib["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { ask, random, sometimes } = asker
    const tapes = yield* tapesOf(asker, lib)
    for (const { name } of tapes) {
      yield* sometimes(0.15, `recoverTape ${name.slice(0, 40)}`, lib.recoverTape(name))
      const tape = yield* openTape(asker, lib, name)
      if (tape !== undefined) yield* writeTape(asker, lib, tape)
      else yield* ask(`recoverTape ${name.slice(0, 40)}`, lib.recoverTape(name))
      yield* sometimes(0.1, "archive", lib.archive(name))
    }
    yield* sometimes(0.3, "createTape", lib.createTape("another"))
    const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
    for (const stream of ["order-1", "customer-1", "fresh-1"]) {
      const id = random.next() < 0.5 ? { id: `event-${random.below(9)}` } : {}
      const expected = random.pick(["any", "no-stream", "stream-exists", 2] as const)
      yield* sometimes(0.5, "append", store.append(stream, [{ type: "Later", data: 1, ...id }], { expected }))
    }
    const appends = tapes.map(({ name }) => ({ tape: name, records: [{ together: true }] }))
    yield* sometimes(0.5, "commit", lib.commit(appends))
    yield* sometimes(0.5, "close", lib.close)
  })

/** Opens the lib that is on a disk, uses it, and closes it. */
const inSession = (
  asker: Asker,
  disk: MemoryDisk,
  options: Lib.Options,
  use: (asker: Asker, lib: Lib.Lib["Service"]) => Effect.Effect<void>
): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const { ask, findings } = asker
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const opened = yield* ask(
      "the whole session",
      Effect.scoped(
        Effect.gen(function* () {
          const lib = yield* ask("open", Effect.provideService(Lib.open(place, options), Storage, storage))
          if (lib === undefined) return false
          yield* use(asker, lib)
          return true
        })
      )
    )
    for (const path of disk.outside.splice(0)) findings.blames.push(`outside of the lib: ${path}`)
    return opened ?? false
  })

const recover = (asker: Asker, disk: MemoryDisk): Effect.Effect<void> =>
  Effect.gen(function* () {
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    yield* asker.ask("Lib.recover", Effect.provideService(Lib.recover(place), Storage, storage))
  })

/** Reads the lib; and then mostly writes to it or recovers it, each from its files as they are, and reads what that leaves. */
export const exercise = (files: Files, touched: ReadonlySet<string>, random: Random): Promise<Findings> => {
  const findings = noFindings()
  const later: Findings = { ...noFindings(), blames: findings.blames }
  const asker = (session: string, into = later) => askerOf(into, session, random, touched)
  const program = Effect.gen(function* () {
    const canRead = yield* inSession(asker("reader", findings), memoryDisk(files), { mode: "read" }, readLib)
    if (findings.outcome === "") findings.outcome = "ok"
    const what = random.next()
    if (what < (canRead ? 0.45 : 0.4)) {
      const disk = memoryDisk(files)
      const options = { closeBytes: random.pick([1, 1 << 20]), mergeSegments: 2 }
      yield* inSession(asker("writer"), disk, options, write)
      if (random.next() < 0.5) yield* inSession(asker("next writer"), disk, {}, readLib)
    } else if (what < (canRead ? 0.5 : 0.7)) {
      const disk = memoryDisk(files)
      yield* recover(asker("recover"), disk)
      yield* inSession(asker("after recovery"), disk, {}, readLib)
    }
  })
  const run = Effect.provide(program, Logger.layer([listening(findings)]))
  return Effect.runPromise(run).then(() => findings)
}
