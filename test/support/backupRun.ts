/**
 * A lib with a model of each of its batches, so that a backup made at any moment can be compared with the batch that it
 * says it shows.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { type Root, Storage, StorageError } from "litetapes/Storage"
import type * as Tape from "litetapes/Tape"
import { existingTape, type LibService, type StorageService, tapeOf, withLib } from "./openLib.ts"

/** What a lib held after one batch: texts of records by tape, and of events by position. */
export interface Snapshot {
  readonly records: ReadonlyMap<string, ReadonlyArray<number>>
  readonly events: ReadonlyArray<string>
}

export type Step =
  | { readonly op: "records"; readonly tape: string; readonly count: number; readonly bytes: number }
  | { readonly op: "events"; readonly streams: ReadonlyArray<string>; readonly bytes: number }
  | { readonly op: "flush" | "archive"; readonly tape: string }
  | { readonly op: "repack"; readonly tape: string; readonly options: Tape.RepackOptions }
  | { readonly op: "user"; readonly tape: string; readonly value: number }

/** Applies steps to a lib, and remembers what it held after each batch. */
export class Subject {
  readonly #snapshots = new Map<number, Snapshot>()
  #records = new Map<string, ReadonlyArray<number>>()
  #events: ReadonlyArray<string> = []
  readonly #revisions = new Map<string, number>()
  readonly user = new Map<string, number>()
  #n = 0

  constructor() {
    this.#snapshots.set(0, { records: new Map(), events: [] })
  }

  /** Returns what the lib held after the last batch up to `batch`. */
  at(batch: number): Snapshot {
    let best = 0
    for (const known of this.#snapshots.keys()) if (known <= batch && known > best) best = known
    return this.#snapshots.get(best)!
  }

  /** Continues a restored lib: it holds a prefix of what this one held. */
  static restored(snapshot: Snapshot, upTo: number, batch: number): Subject {
    const made = new Subject()
    made.#records = new Map(snapshot.records)
    made.#events = snapshot.events.slice(0, upTo)
    for (const event of made.#events) {
      const stream = event.split(" ")[0]!
      made.#revisions.set(stream, (made.#revisions.get(stream) ?? -1) + 1)
    }
    made.#n = 1_000_000
    made.#snapshots.set(batch, { records: made.#records, events: made.#events })
    return made
  }

  readonly take = Effect.fnUntraced(
    { self: this },
    function* (this: Subject, lib: LibService, step: Step): Effect.fn.Return<void, unknown> {
      if (step.op === "records") {
        const tape = yield* tapeOf(lib, step.tape)
        if ((yield* tape.meta).state === "archived") return
        const ns = Array.from({ length: step.count }, () => (this.#n += 1))
        const text = "x".repeat(step.bytes)
        yield* tape.append(ns.map((n) => ({ n, text })))
        this.#records = new Map(this.#records).set(step.tape, [...(this.#records.get(step.tape) ?? []), ...ns])
        return yield* this.#remember(lib)
      }
      if (step.op === "events") {
        const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
        const added: Array<string> = []
        const appends = [...new Set(step.streams)].map((stream) => {
          const events = step.streams.filter((one) => one === stream).map(() => ({ n: (this.#n += 1) }))
          for (const { n } of events) {
            const revision = (this.#revisions.get(stream) ?? -1) + 1
            this.#revisions.set(stream, revision)
            added.push(`${stream} ${revision} ${n}`)
          }
          const text = "y".repeat(step.bytes)
          return { stream, events: events.map(({ n }) => ({ type: "Happened", data: { n, text } })) }
        })
        yield* store.appendAll(appends)
        this.#events = [...this.#events, ...added]
        return yield* this.#remember(lib)
      }
      const listed = (yield* lib.tapes).find(({ name }) => name === step.tape)
      if (listed === undefined) return
      const tape = yield* existingTape(lib, step.tape)
      switch (step.op) {
        case "flush":
          return yield* Effect.asVoid(tape.appendSegment)
        case "archive":
          return yield* listed.role === "events" || listed.state === "archived" ? Effect.void : lib.archive(step.tape)
        case "repack":
          return yield* Effect.asVoid(tape.repack(step.options))
        case "user":
          this.user.set(step.tape, step.value)
          return yield* tape.setUserMeta("value", step.value)
      }
    }
  )

  readonly #remember = (lib: LibService) =>
    Effect.map(lib.durable, ({ batch }) => {
      this.#snapshots.set(batch, { records: this.#records, events: this.#events })
    })
}

/** Returns what an open lib holds. */
export const held = Effect.fnUntraced(function* (lib: LibService): Effect.fn.Return<Snapshot, unknown> {
  const records = new Map<string, ReadonlyArray<number>>()
  for (const { name, role } of yield* lib.tapes) {
    if (role === "events") continue
    const tape = yield* existingTape(lib, name)
    const ns = Array.from(yield* Stream.runCollect(tape.records()), (record) => (record as unknown as { n: number }).n)
    if (ns.length > 0) records.set(name, ns)
  }
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  const all = yield* Stream.runCollect(store.readAll())
  assert.deepStrictEqual(
    all.map(({ position }) => position),
    all.map((_, n) => n)
  )
  const events = all.map(({ data, revision, stream }) => `${stream} ${revision} ${(data as { n: number }).n}`)
  for (const stream of new Set(all.map((event) => event.stream))) {
    const own = yield* Stream.runCollect(store.read(stream))
    assert.deepStrictEqual(
      own.map(({ revision }) => revision),
      own.map((_, n) => n)
    )
    assert.strictEqual(yield* store.revision(stream), own.length - 1)
  }
  return { records, events }
})

/** Fails unless the lib holds exactly the snapshot, and verify finds nothing. */
export const assertHeld = Effect.fnUntraced(function* (lib: LibService, expected: Snapshot) {
  const found = yield* held(lib)
  assert.deepStrictEqual(found.events, expected.events)
  assert.deepStrictEqual([...found.records].toSorted(), [...expected.records].toSorted())
  assert.deepStrictEqual((yield* lib.verify()).bad, [])
})

/** Returns everything about the tapes of a lib that a backup keeps. */
export const described = Effect.fnUntraced(function* (lib: LibService) {
  const tapes = []
  for (const { name } of yield* lib.tapes) {
    const tape = yield* existingTape(lib, name)
    const { segments: _, ...meta } = yield* tape.meta
    tapes.push({ ...meta, root: yield* tape.root })
  }
  return { lib: lib.id, created: lib.created, limits: lib.limits, placement: lib.placement, tapes }
})

/** Fails unless all segments have ordinary numbers: those of backups must not be used up. */
export const assertNumbers = Effect.fnUntraced(function* (lib: LibService) {
  for (const { name } of yield* lib.tapes) {
    const numbers = (yield* (yield* existingTape(lib, name)).segments).map(({ number }) => number)
    assert.isBelow(Math.max(0, ...numbers), 10_000, name)
  }
})

/** Opens a backup and compares it with the batch that it shows. */
export const assertBackup = (storage: StorageService, place: string, subject: Subject, batch: number) =>
  withLib(
    storage,
    place,
    (lib) =>
      Effect.gen(function* () {
        yield* assertHeld(lib, subject.at(batch))
        assert.strictEqual((yield* lib.durable).batch, batch)
      }),
    { mode: "read" }
  )

/** Opens a lib, and takes its event store too. */
export const restoring = (storage: StorageService, from: string, to: string, options?: Lib.RestoreOptions) =>
  Effect.provideService(Lib.restore(from, to, options), Storage, storage)

/** Counts the steps that write, and fails every one from a given one on, as if the process had been killed there. */
export const stopAfter = (base: StorageService, writes: number): { storage: StorageService; steps: () => number } => {
  let done = 0
  const write = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | StorageError, R> =>
    Effect.suspend((): Effect.Effect<A, E | StorageError, R> => (done++ < writes ? effect : Effect.fail(stopped)))
  const wrap = (root: Root): Root => ({
    ...root,
    meta: { ...root.meta, replace: (...args) => write(root.meta.replace(...args)) },
    tapes: { ...root.tapes, create: (...args) => write(root.tapes.create(...args)) },
    segments: {
      ...root.segments,
      write: (tape, segment, fill) =>
        write(root.segments.write(tape, segment, (append) => fill((chunk) => write(append(chunk))))),
      remove: (...args) => write(root.segments.remove(...args))
    }
  })
  return {
    storage: { open: (location, mode) => Effect.map(base.open(location, mode), wrap) },
    steps: () => done
  }
}

const stopped = new StorageError({ operation: "write", place: "here", reason: "failed", detail: "stopped by a test" })
