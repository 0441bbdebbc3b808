/** Small libs in every state that one can be left in, made as real files, and what each of them holds. */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { Randomness } from "litetapes/Randomness"
import type { Image } from "../../support/imageDisk.ts"
import { type Ground, interrupted, type Make, states } from "../../support/libStates.ts"
import { existingTape, type LibService, tapeOf } from "../../support/openLib.ts"
import type { Size } from "../campaign.ts"
import { folders, place } from "./place.ts"
import { plans } from "./plan.ts"
import { type Truth, truthOf } from "./truth.ts"

export interface Target {
  readonly name: string
  readonly image: Image
  readonly truth: Truth
  /** Without the hint and, where it is closed, without indexes: another target has the same files with them. */
  readonly isBare: boolean
}

const ofEvents = (lib: LibService) => Effect.provideService(EventStore.make, Lib.Lib, lib)

/** Events and records, after two writers were interrupted: in segments, in several dynamic segments, in both. */
const openEvents: Make = (ground, at) =>
  Effect.gen(function* () {
    const first = ground.spare()
    const event = (n: number) => ({ type: "Done", id: `id-${n}`, data: ground.records(n, n + 1)[0] })
    yield* interrupted(ground, ground.spare(), first, {}, (lib) =>
      Effect.gen(function* () {
        const store = yield* ofEvents(lib)
        yield* store.append("order-1", [event(0), event(1)])
        yield* Effect.flatMap(existingTape(lib, "order"), (tape) => tape.appendSegment)
        yield* Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(ground.records(0, 2)))
        yield* store.append("order-2", [event(2)])
      })
    )
    yield* interrupted(ground, first, at, { closeBytes: 700, backlogMax: 1000, hold: true }, (lib) =>
      Effect.gen(function* () {
        const store = yield* ofEvents(lib)
        for (let n = 3; n < ground.count - 2; n++) {
          const streams = n % 2 === 0 ? ["order-1", "bill-1"] : [`order-${n % 3}`]
          yield* store.appendAll(streams.map((stream) => ({ stream, events: [event(n)] })))
        }
        yield* Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(ground.records(2, 3)))
      })
    )
  })

/** More records, so that several dynamic segments are filled. */
const longer =
  (make: Make): Make =>
  (ground, at) =>
    make({ ...ground, count: ground.count + 6 }, at)

/** Which states are always swept. */
const swept: { readonly [state: string]: Make } = {
  open: longer(states["unclean"]!),
  "open events": openEvents,
  closed: states["clean"]!,
  "closed events": states["events-hashed"]!,
  gzip: states["gzip"]!,
  zstd: states["zstd"]!,
  repacked: states["user-metadata"]!,
  sharded: states["sharded"]!,
  cloned: states["cloned"]!,
  deduped: states["deduped"]!
}

/** Which more are swept where there is time. */
const more: { readonly [state: string]: Make } = {
  torn: states["torn"]!,
  archived: states["archived"]!,
  "closed events, by category": states["events-category"]!,
  "gzip, deduped, sharded": states["gzip-deduped-sharded"]!,
  "zstd, deduped, sharded": states["zstd-deduped-sharded"]!,
  recovered: states["recovered"]!,
  "recovered lib": states["recovered-lib"]!
}

/** Makes them, in a folder that is removed again. */
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

/** The files of a folder, as they stand on a disk of their own. */
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
  // A copy of a lib mostly has neither; but what an interrupted writer left is worth a look with its indexes.
  const bare = truth.batches.length > 0 ? without("/litelib.acked") : without("/litelib.acked", "/index/")
  return [
    { name, image, truth, isBare: false },
    { name: `${name}, bare`, image: bare, truth, isBare: true }
  ]
}
