/** Small libs in every state that a writer can leave, made as real files, and the contents of each. */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setImmediate } from "node:timers/promises"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { Randomness } from "litetapes/Randomness"
import type { JsonObject } from "litetapes/TaraSON"
import type { Image } from "../../support/imageDisk.ts"
import { type Ground, interrupted, type Make, states } from "../../support/libStates.ts"
import { existingTape, type LibService, tapeOf, withLib } from "../../support/openLib.ts"
import type { Size } from "../campaign.ts"
import { folders, place } from "./place.ts"
import { plans } from "./sizes.ts"
import { type Truth, truthOf } from "./truth.ts"

export interface Target {
  readonly name: string
  readonly image: Image
  readonly truth: Truth
  /** Without the hint and, if it is closed, without indexes; another target has the same files with them. */
  readonly isBare: boolean
  /** Only its tapes are special: its lib meta and dynamic segments are like those of other targets. */
  readonly likeOthers: boolean
}

const ofEvents = (lib: LibService) => Effect.provideService(EventStore.make, Lib.Lib, lib)

/**
 * Makes a lib with two interrupted writers: a first one, and one that took over and filled several dynamic segments.
 * Tapes are created first, because their creation and the listing of the next dynamic segment would race.
 */
const interruptedTwice = (
  ground: Ground,
  at: string,
  first: (lib: LibService) => Effect.Effect<unknown, unknown>,
  second: (lib: LibService) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function* () {
    const between = ground.spare()
    yield* interrupted(ground, ground.spare(), between, {}, first)
    yield* interrupted(ground, between, at, { closeBytes: 700, backlogMax: 1000, hold: true }, (lib) =>
      Effect.andThen(second(lib), settled(between))
    )
  })

/**
 * Waits until the writer has nothing to do. After the second batch of a dynamic segment, which is also its last here,
 * the writer creates and lists the next one in the background.
 */
const settled = (folder: string, turns = 100_000): Effect.Effect<void> =>
  Effect.suspend(() => {
    const files = fs.readdirSync(folder).filter((name) => name.startsWith("litelib.dynamic-"))
    const last = files.toSorted().at(-1)!
    const marks = fs.readFileSync(path.join(folder, last), "utf8").split("LiteLib.Commit").length - 1
    const listed = fs.readFileSync(path.join(folder, "litelib.meta.jsonl"), "utf8")
    if (marks < 2 && listed.includes(`"dynamic":${Number(/\d+/.exec(last)![0])},`)) return Effect.void
    if (turns === 0) return Effect.die(new Error(`no dynamic segment was prepared after ${last}`))
    return Effect.andThen(
      Effect.promise(() => setImmediate()),
      settled(folder, turns - 1)
    )
  })

const append = (lib: LibService, name: string, records: ReadonlyArray<JsonObject>) =>
  Effect.flatMap(tapeOf(lib, name), (tape) => tape.append(records))

const flush = (lib: LibService, name: string) => Effect.flatMap(existingTape(lib, name), (tape) => tape.appendSegment)

/** Makes tapes with records in a segment, in several dynamic segments, and in both. */
const openRecords: Make = (ground, at) => {
  const { count, records } = ground
  return interruptedTwice(
    ground,
    at,
    (lib) =>
      Effect.gen(function* () {
        for (const name of ["alpha", "beta", "gamma"]) yield* tapeOf(lib, name)
        yield* append(lib, "alpha", records(0, 2))
        yield* append(lib, "beta", records(0, 3))
        yield* flush(lib, "alpha")
        yield* append(lib, "alpha", records(2, 5))
      }),
    (lib) =>
      Effect.gen(function* () {
        for (let n = 5; n < count + 4; n += 4) yield* append(lib, "alpha", records(n, n + 4))
        const both = ["beta", "gamma"].map((tape) => ({ tape, records: records(0, 1) }))
        yield* lib.commit(both)
      })
  )
}

/** Makes the same with events, and with records on another tape. */
const openEvents: Make = (ground, at) => {
  const { count, records } = ground
  const happened = (n: number) => ({ type: "Done", id: `id-${n}`, data: records(n, n + 1)[0], tags: ["tag"] })
  const appendAll = (lib: LibService, n: number, streams: ReadonlyArray<string>) =>
    Effect.flatMap(ofEvents(lib), (store) =>
      store.appendAll(streams.map((stream) => ({ stream, events: [happened(n)] })))
    )
  return interruptedTwice(
    ground,
    at,
    (lib) =>
      Effect.gen(function* () {
        yield* appendAll(lib, 0, ["order-1", "order-2"])
        yield* flush(lib, "order")
        yield* append(lib, "notes", records(0, 2))
        yield* appendAll(lib, 1, ["bill-1"])
      }),
    (lib) =>
      Effect.gen(function* () {
        for (let n = 2; n < count - 4; n++) yield* appendAll(lib, n, n % 2 === 0 ? ["order-1", "bill-1"] : ["order-2"])
        yield* append(lib, "notes", records(2, 3))
      })
  )
}

/** Makes a tape that is repacked into several segments and then appended to. */
const repacked: Make = ({ count, records, storage, targetBytes }, at) =>
  withLib<unknown, unknown>(storage, at, (lib) =>
    Effect.gen(function* () {
      const alpha = yield* tapeOf(lib, "alpha")
      for (let n = 0; n < count; n += 2) {
        yield* alpha.append(records(n, n + 2))
        yield* alpha.appendSegment
      }
      yield* alpha.repack({ targetBytes })
      yield* alpha.append(records(0, 2))
    })
  )

/** States that are always swept. */
const swept: { readonly [state: string]: Make } = {
  open: openRecords,
  "open events": openEvents,
  closed: states["clean"]!,
  "closed events": states["events-hashed"]!,
  gzip: states["gzip"]!,
  zstd: states["zstd"]!,
  repacked,
  sharded: states["sharded"]!,
  cloned: states["cloned"]!,
  deduped: states["deduped"]!
}

/** Further states that a long run sweeps. */
const more: { readonly [state: string]: Make } = {
  archived: states["archived"]!,
  "with user values": states["user-metadata"]!,
  "closed events, by category": states["events-category"]!,
  "gzip, deduped, sharded": states["gzip-deduped-sharded"]!,
  "zstd, deduped, sharded": states["zstd-deduped-sharded"]!,
  "recovered lib": states["recovered-lib"]!
}

/** Makes all targets, in a folder that is removed afterwards. */
export const makeTargets = async (seed: number, size: Size): Promise<ReadonlyArray<Target>> => {
  const { scale } = plans[size]
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "litetapes-damage-"))
  try {
    const targets: Array<Target> = []
    for (const [name, make] of Object.entries(size === "long" ? { ...swept, ...more } : swept)) {
      const image = await makeImage(name, make, { scratch, seed, scale })
      targets.push(...(await variantsOf(name, image)))
    }
    return targets
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true })
  }
}

const makeImage = async (
  name: string,
  make: Make,
  { scale, scratch, seed }: { readonly scratch: string; readonly seed: number; readonly scale: number }
): Promise<Image> => {
  let spares = 0
  let drawn = 0
  const spare = () => path.join(scratch, `${name}-${(spares += 1)}`)
  const at = spare()
  await Effect.runPromise(
    Effect.gen(function* () {
      const ground: Ground = { storage: yield* folders, spare, records, count: 8 * scale, targetBytes: 80 * scale }
      yield* TestClock.setTime(Date.parse("2026-01-02T03:04:05.678Z"))
      yield* make(ground, at)
    }).pipe(
      Effect.provide(TestClock.layer()),
      Effect.provideService(Randomness, (bytes) => {
        drawn += 1
        return Buffer.alloc(bytes, createHash("sha256").update(`${seed} ${name} ${drawn}`).digest())
      })
    )
  )
  return readImage(at)
}

const records: Ground["records"] = (from, to) =>
  Array.from({ length: to - from }, (_, n) => ({ n: from + n, text: "äb"[(from + n) % 2]! }))

/** Reads the files of a folder into an image. */
const readImage = (folder: string): Image => {
  const image = new Map<string, Uint8Array>()
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    const relative = path.relative(folder, file).split(path.sep).join("/")
    image.set(`${place}/${relative}`, Uint8Array.from(fs.readFileSync(file)))
  }
  return new Map([...image].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const variantsOf = async (name: string, image: Image): Promise<Array<Target>> => {
  const without = (...parts: ReadonlyArray<string>) =>
    new Map([...image].filter(([file]) => !parts.some((part) => file.includes(part))))
  const truth = await truthOf(image)
  const likeOthers = name !== "open" && name !== "closed"
  // A copy of a lib mostly has neither hint nor indexes. But a lib of an interrupted writer keeps its indexes here.
  const bare = truth.batches.length > 0 ? without("/litelib.acked") : without("/litelib.acked", "/index/")
  return [
    { name, image, truth, isBare: false, likeOthers },
    { name: `${name}, bare`, image: bare, truth, isBare: true, likeOthers }
  ]
}
