/**
 * Libs in every state that a writer can leave, made by the library in a folder: for the frozen fixtures, and for
 * readers that must find the same content as the library.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as fs from "node:fs"
import * as path from "node:path"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import type { JsonObject } from "litetapes/TaraSON"
import type * as Tape from "litetapes/Tape"
import { existingTape, flush, type LibService, openSession, type StorageService, tapeOf, withLib } from "./openLib.ts"
import { at, watched } from "./watchedStorage.ts"

/** The ingredients of a state. */
export interface Ground {
  readonly storage: StorageService
  /** Returns a folder that does not exist yet, for intermediate libs. */
  readonly spare: () => string
  /** Returns the records from `from` to before `to`, always the same ones. */
  readonly records: (from: number, to: number) => ReadonlyArray<JsonObject>
  /** The approximate number of records of a state, and their bytes. `targetBytes` of segments follow from these. */
  readonly count: number
  readonly targetBytes: number
}

/** Makes a lib at `place`, which must be empty, and closes it. */
export type Make = (ground: Ground, place: string) => Effect.Effect<void, unknown>

const append = (lib: LibService, name: string, records: ReadonlyArray<JsonObject>) =>
  Effect.flatMap(tapeOf(lib, name), (tape) => tape.append(records))

const inLib = (
  { storage }: Ground,
  place: string,
  use: (lib: LibService) => Effect.Effect<unknown, unknown>,
  options?: Lib.Options
) => withLib<unknown, unknown>(storage, place, use, options)

/** Two tapes with some segments each, and a batch over both. */
const clean: Make = (ground, place) =>
  Effect.gen(function* () {
    const { count, records } = ground
    yield* inLib(ground, place, (lib) =>
      Effect.gen(function* () {
        yield* append(lib, "alpha", records(0, count / 2))
        yield* tapeOf(lib, "beta")
        yield* lib.commit([
          { tape: "alpha", records: records(count / 2, count / 2 + 1) },
          { tape: "beta", records: records(0, 2) }
        ])
      })
    )
    yield* inLib(ground, place, (lib) => append(lib, "alpha", records(count / 2 + 1, count)))
  })

/** Copies the lib at `from` to `to` while its writer is frozen after `use`. */
export const interrupted = (
  ground: Ground,
  from: string,
  to: string,
  { hold, ...options }: Lib.Options & { readonly hold?: boolean },
  use: (lib: LibService) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function* () {
    const watch = watched(ground.storage)
    const gate = Latch.makeUnsafe(false)
    if (hold === true) watch.before = at("segments.write", gate.await)
    const { lib, close } = yield* openSession(watch.storage, from, options)
    yield* use(lib).pipe(
      Effect.andThen(watch.frozen(Effect.sync(() => fs.cpSync(from, to, { recursive: true })))),
      Effect.ensuring(Effect.andThen(gate.open, close))
    )
  })

/**
 * A second interrupted writer after a first one: it took over the commits of that one, and closed no dynamic segment
 * since. Some records of `alpha` in the dynamic segments are in a segment already.
 */
const unclean: Make = (ground, place) =>
  Effect.gen(function* () {
    const { count, records, targetBytes } = ground
    const first = ground.spare()
    yield* interrupted(ground, ground.spare(), first, {}, (lib) =>
      Effect.gen(function* () {
        yield* append(lib, "alpha", records(0, 2))
        yield* append(lib, "beta", records(0, 3))
        yield* Effect.flatMap(existingTape(lib, "alpha"), (tape) => tape.appendSegment)
        yield* append(lib, "alpha", records(2, 5))
      })
    )
    const options = { closeBytes: Math.max(1000, targetBytes), backlogMax: 1000, hold: true }
    yield* interrupted(ground, first, place, options, (lib) =>
      Effect.gen(function* () {
        for (let n = 0; n + 5 < count; n += 5) yield* append(lib, "alpha", records(n + 5, Math.min(count, n + 10)))
        yield* append(lib, "gamma", records(0, 1))
      })
    )
  })

/** The same state, followed by the beginning of a batch that was never acknowledged, and of a record of lib meta. */
const torn: Make = (ground, place) =>
  Effect.map(unclean(ground, place), () => {
    const last = fs.readdirSync(place).filter((name) => name.startsWith("litelib.dynamic-"))
    const line = JSON.stringify(ground.records(0, 1)[0])
    fs.appendFileSync(path.join(place, last.toSorted().at(-1)!), `${line}\n${line.slice(0, 10)}`)
    fs.appendFileSync(path.join(place, "litelib.meta.jsonl"), '{"$type":"LiteLib.Dyn')
  })

/** `alpha` after this repack, followed by a few more records. The records are appended in `rounds` equal rounds. */
const repacked =
  (options: Tape.RepackOptions, rounds = 1): Make =>
  (ground, place) => {
    const { count, records, targetBytes } = ground
    return inLib(ground, place, (lib) =>
      Effect.gen(function* () {
        for (let round = 0; round < rounds; round++) yield* append(lib, "alpha", records(0, Math.ceil(count / rounds)))
        const alpha = yield* existingTape(lib, "alpha")
        yield* alpha.repack({ targetBytes, ...options })
        yield* alpha.append(records(0, 2))
      })
    )
  }

/** A tape of a busier lib, compressed there; a clone of it, a clone of that clone, and later records. */
const cloned: Make = (ground, place) =>
  Effect.gen(function* () {
    const { count, records, storage, targetBytes } = ground
    yield* inLib(ground, ground.spare(), (source) =>
      Effect.gen(function* () {
        for (let n = 0; n < 5; n++) yield* append(source, "busy", records(n, n + 1))
        yield* append(source, "alpha", records(0, count))
        const alpha = yield* existingTape(source, "alpha")
        yield* alpha.repack({ compression: "gzip", targetBytes })
        yield* withLib<unknown, unknown>(storage, place, (lib) =>
          Effect.gen(function* () {
            yield* alpha.clone(lib, "alpha")
            const copy = yield* existingTape(lib, "alpha")
            yield* copy.append(records(0, 2))
            yield* copy.clone(lib, "beta")
          })
        )
      })
    )
  })

/** `alpha` lost its meta while some of its records were in no segment yet, and was recovered. */
const recovered: Make = (ground, place) =>
  Effect.gen(function* () {
    const { count, records } = ground
    yield* interrupted(ground, ground.spare(), place, {}, (lib) =>
      Effect.gen(function* () {
        yield* append(lib, "alpha", records(0, count / 2))
        yield* Effect.flatMap(existingTape(lib, "alpha"), (tape) => tape.appendSegment)
        yield* append(lib, "alpha", records(count / 2, count))
      })
    )
    fs.rmSync(path.join(place, "alpha/tape.meta.jsonl"))
    yield* inLib(ground, place, (lib) => Effect.andThen(lib.recoverTape("alpha"), append(lib, "alpha", records(0, 1))))
  })

/** Flips a bit in the middle of a file. */
const flip = (file: string): void => {
  const bytes = fs.readFileSync(file)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  fs.writeFileSync(file, bytes)
}

/**
 * Segments of a tape of records and of a tape of events were damaged, one of them without an index, and were salvaged.
 * The losses are accepted, and the stream that lost its last events continues after a gap.
 */
const salvaged: Make = (ground, place) =>
  Effect.gen(function* () {
    const { records, storage } = ground
    const said = (lib: LibService, stream: string, data: JsonObject) =>
      Effect.flatMap(Effect.provideService(EventStore.make, Lib.Lib, lib), (store) =>
        store.append(stream, [{ type: "Said", id: `${stream} ${data["n"] as number}`, data }])
      )
    const writing = (stream: string, from: number) =>
      inLib(
        ground,
        place,
        (lib) =>
          Effect.gen(function* () {
            yield* append(lib, "alpha", records(from, from + 2))
            for (const record of records(from, from + 2)) yield* said(lib, stream, record)
          }),
        { placement: { kind: "category" } }
      )
    yield* writing("order-1", 0)
    yield* writing("order-2", 2)
    yield* writing("order-1", 4)
    flip(path.join(place, "alpha/seg-000002.jsonl"))
    flip(path.join(place, "order/seg-000002.jsonl"))
    fs.rmSync(path.join(place, "order/index"), { recursive: true })
    yield* withLib(storage, place, (lib) =>
      Effect.forEach(["alpha", "order"], (name) => lib.salvageTape(name, { acceptLoss: true }))
    )
    yield* writing("order-2", 6)
  })

/** The lib lost its meta, and was recovered. */
const recoveredLib: Make = (ground, place) =>
  Effect.gen(function* () {
    yield* clean(ground, place)
    fs.rmSync(path.join(place, "litelib.meta.jsonl"))
    yield* Effect.provideService(Lib.recover(place), Storage, ground.storage)
    yield* inLib(ground, place, (lib) => append(lib, "beta", ground.records(2, 4)))
  })

const archived: Make = (ground, place) =>
  Effect.andThen(
    clean(ground, place),
    inLib(ground, place, (lib) => lib.archive("beta"))
  )

/** Streams of three categories; every third batch is over two of them. */
const events =
  (placement: Lib.Placement): Make =>
  (ground, place) =>
    inLib(
      ground,
      place,
      (lib) =>
        Effect.gen(function* () {
          const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
          for (let n = 0; n < ground.count / 2; n++) {
            const [data] = ground.records(n, n + 1)
            const event = { type: "Happened", data, id: `event-${n}`, tags: ["tag"], metadata: { n } }
            const streams = n % 3 === 0 ? [`order-${n % 2}`, "customer-1"] : [`invoice-${n}`]
            yield* store.appendAll(streams.map((stream) => ({ stream, events: [event] })))
          }
        }),
      { placement }
    )

/** Streams of categories, and streams that share a tape: without a category, or named by a UUID. */
const sharedEvents =
  (placement?: Lib.Placement) =>
  (ground: Ground, lib: LibService): Effect.Effect<void, unknown> =>
    Effect.gen(function* () {
      const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
      const names = ["order-1", "customer", "0b5fd7a1-90c4-4d68-8a3c-1f2e3d4c5b6a", "events-1", "ORDER", "0b5fd7a1-2"]
      for (let n = 0; n < ground.count; n++) {
        const [data] = ground.records(n, n + 1)
        const stream = n % 7 === 6 ? "0B5FD7A1-90C4-4D68-8A3C-1F2E3D4C5B6A" : names[n % 6]!
        yield* store.append(stream, [{ type: "Happened", data, id: `event-${n}`, tags: [], metadata: { n } }])
        if (n === 4 && placement === undefined) yield* flush(lib, "events")
      }
    })

const eventsShared: Make = (ground, place) => inLib(ground, place, (lib) => sharedEvents()(ground, lib))

/** Its writer was killed; some events of the shared tape are in a segment. */
const eventsSharedUnclean: Make = (ground, place) =>
  interrupted(ground, ground.spare(), place, {}, (lib) => sharedEvents()(ground, lib))

/** A copy of a lib with one tape for all streams, a tape of records, user metadata and an archived tape. */
const copied: Make = (ground, place) => {
  const placement = { kind: "single" } as const
  return inLib(
    ground,
    ground.spare(),
    (lib) =>
      Effect.gen(function* () {
        yield* sharedEvents(placement)(ground, lib)
        yield* append(lib, "alpha", ground.records(0, 4))
        yield* append(lib, "beta", ground.records(0, 2))
        yield* lib.archive("beta")
        for (const name of ["alpha", "events"]) {
          yield* Effect.flatMap(existingTape(lib, name), (tape) => tape.setUserMeta("of", name))
        }
        yield* lib.copy(place, { placement: { kind: "category-or-shared" } })
      }),
    { placement }
  )
}

const userMetadata: Make = (ground, place) =>
  Effect.andThen(
    clean(ground, place),
    inLib(ground, place, (lib) =>
      Effect.gen(function* () {
        const alpha = yield* existingTape(lib, "alpha")
        yield* alpha.setUserMeta("unit", { "°": "grad", scale: [1.5, -0.001, 1e21, null] })
        yield* alpha.setUserMeta("draft", true)
        yield* alpha.append(ground.records(0, 1))
        yield* alpha.appendSegment
        yield* alpha.removeUserMeta("draft")
      })
    )
  )

/** Lib meta and a tape's meta were changed so often that both were folded, and changed once more since. */
const worn: Make = (ground, place) =>
  Effect.andThen(
    clean(ground, place),
    inLib(ground, place, (lib) =>
      Effect.gen(function* () {
        const alpha = yield* existingTape(lib, "alpha")
        for (let n = 0; n < 40; n++) yield* alpha.setUserMeta("n", n)
        for (let n = 0; n < 50; n++) {
          yield* lib.archive("beta")
          yield* lib.activate("beta")
        }
      })
    )
  )

const manyTapes: Make = (ground, place) =>
  inLib(ground, place, (lib) =>
    Effect.gen(function* () {
      const names = Array.from({ length: 30 }, (_, n) => `tape-${n}`)
      for (const name of names) yield* lib.createTape(name)
      // The last one stays empty.
      yield* lib.commit(names.slice(0, -1).map((tape, n) => ({ tape, records: ground.records(n, 2 * n + 1) })))
    })
  )

/** A lib with records, events and user metadata that is backed up while some of it is in no segment. */
const backedUp = Effect.fnUntraced(function* (ground: Ground, target: string) {
  yield* inLib(ground, ground.spare(), (lib) =>
    Effect.gen(function* () {
      const { count, records } = ground
      const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
      const note = (from: number, to: number) =>
        Effect.andThen(
          append(lib, "alpha", records(from, to)),
          Effect.forEach(records(from, to), (data, n) =>
            store.append(`order-${n % 2}`, [{ type: "Happened", data, id: `event-${from + n}` }])
          )
        )
      yield* note(0, count / 2)
      const alpha = yield* existingTape(lib, "alpha")
      yield* alpha.appendSegment
      yield* alpha.setUserMeta("unit", "°")
      yield* lib.backup(target)
      yield* note(count / 2, count)
      yield* Effect.flatMap(existingTape(lib, "order"), (tape) => tape.appendSegment)
      yield* note(0, 1)
      yield* lib.backup(target)
    })
  )
})

const backup: Make = backedUp

/** Restored to a point in time, in the middle of a segment, and appended to. */
const restored: Make = (ground, place) =>
  Effect.gen(function* () {
    const [source, lib] = [ground.spare(), Effect.provideService(Storage, ground.storage)]
    yield* backedUp(ground, source)
    yield* lib(Lib.restore(source, place, { upTo: Math.floor(ground.count / 3) }))
    yield* inLib(ground, place, (again) => append(again, "alpha", ground.records(0, 2)))
  })

/** Checkpoints of three consumers: folded into lib meta, in marks with events, and alone. */
const noted = Effect.fnUntraced(function* (lib: LibService) {
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  const { firstPosition: first } = yield* store.append("order-0", [{ type: "Asked", data: 1 }])
  const add = (n: number, checkpoint: EventStore.AppendCheckpoint) =>
    store.append(`order-${n}`, [{ type: "Answered", id: `answer-${first}-${n}`, data: { n } }], { checkpoint })
  yield* add(1, { consumer: "answers", position: first })
  yield* add(2, { consumer: "shipping", version: 3, low: Math.max(0, first - 1), done: [[first + 1, first + 2]] })
  yield* store.appendAll([], { checkpoint: { consumer: "mail_2-b", low: first + 1 } })
  yield* store.appendAll([], { checkpoint: { consumer: "answers", position: first + 2 } })
})

const checkpoints: Make = (ground, place) =>
  Effect.andThen(inLib(ground, place, noted, { placement: { kind: "category" } }), inLib(ground, place, noted))

/** The same in a dynamic segment, over earlier ones in lib meta. Its last batch has no events. */
const checkpointsUnclean: Make = (ground, place) =>
  Effect.gen(function* () {
    const source = ground.spare()
    yield* inLib(ground, source, noted)
    yield* interrupted(ground, source, place, {}, noted)
  })

/** The states that are frozen as fixtures. */
export const frozenStates: { readonly [state: string]: Make } = {
  clean,
  unclean,
  torn,
  gzip: repacked({ compression: "gzip" }),
  zstd: repacked({ compression: "zstd" }),
  deduped: repacked({ dedup: true, why: "repeats" }, 3),
  sharded: repacked({ shardEvery: 2 }),
  cloned,
  recovered,
  "recovered-lib": recoveredLib,
  archived,
  "events-category": events({ kind: "category" }),
  "events-hashed": events({ kind: "hashed", tapes: 2 }),
  "user-metadata": userMetadata,
  worn,
  // Written since tape meta marks its end.
  "clean-ended": clean,
  // Written since dynamic segments have room.
  "unclean-roomy": unclean
}

/** The states of format version 2 that are frozen as fixtures. */
export const frozenStatesOf2: { readonly [state: string]: Make } = {
  "events-shared": eventsShared,
  "events-shared-unclean": eventsSharedUnclean,
  copied,
  salvaged,
  backup,
  restored,
  checkpoints,
  "checkpoints-unclean": checkpointsUnclean
}

/** All states, frozen or not. */
export const states: { readonly [state: string]: Make } = {
  ...frozenStates,
  ...frozenStatesOf2,
  "gzip-deduped-sharded": repacked({ compression: "gzip", dedup: true, shardEvery: 3 }, 2),
  "zstd-deduped-sharded": repacked({ compression: "zstd", dedup: true, shardEvery: 1 }, 2),
  "events-single": events({ kind: "single" }),
  "many-tapes": manyTapes
}
