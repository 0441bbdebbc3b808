/** Libs of all format versions, frozen in the checkout as they were once written, and the expectations for each. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { encode, type JsonObject, recordId } from "litetapes/TaraSON"
import { frozenStatesOf2 } from "./libStates.ts"
import { existingTape, type LibService } from "./openLib.ts"

/** A folder for each format version, with one for each state: the lib and its `expected.json`. */
export const fixtures = path.resolve(import.meta.dirname, "../fixtures")

/** Returns the folder of a fixture. */
export const fixtureFolder = (state: string): string =>
  path.join(fixtures, Object.hasOwn(frozenStatesOf2, state) ? "v2" : "v1", state)

/** Names of the fixtures that exist, whatever their format version. */
export const fixtureNames = (): Array<string> =>
  ["v1", "v2"].flatMap((version) => fs.readdirSync(path.join(fixtures, version))).toSorted()

export interface ExpectedTape {
  readonly name: string
  readonly tape: string
  readonly role: string
  readonly state: string
  readonly records: number
  readonly root: string
  /** Record ids; `null` if there are no records. */
  readonly first: string | null
  readonly last: string | null
  readonly userMeta: { readonly [key: string]: unknown }
}

export interface Expected {
  readonly lib: string
  readonly placement: Lib.Placement
  /** The position of the next event. */
  readonly position: number
  readonly tapes: ReadonlyArray<ExpectedTape>
}

/**
 * The recorded expectations of a fixture, with the SHA-256 of each of its files, so that nobody changes one unnoticed.
 */
export interface Fixture extends Expected {
  readonly files: { readonly [file: string]: string }
}

/** Describes the content of a lib, without regard to segments. Flushes nothing if the lib is open for reading. */
export const describeLib = (lib: LibService): Effect.Effect<Expected, unknown> =>
  Effect.gen(function* () {
    const tapes: Array<ExpectedTape> = []
    for (const { name, role, state, tape } of yield* lib.tapes) {
      const opened = yield* existingTape(lib, name)
      const { records, userMeta } = yield* opened.meta
      const root = yield* opened.root
      const first = yield* idAt(opened.records({ to: 1 }))
      const last = yield* idAt(opened.records({ from: Math.max(0, records - 1) }))
      tapes.push({ name, tape, role, state, records, root, first, last, userMeta })
    }
    return { lib: lib.id, placement: lib.placement, position: (yield* lib.durable).position, tapes }
  })

const idAt = <E>(records: Stream.Stream<JsonObject, E>): Effect.Effect<string | null, E> =>
  Effect.map(Stream.runCollect(records), ([record]) => (record === undefined ? null : recordId(encode(record))))

/** Returns the SHA-256 of every file below `folder`. */
export const hashFiles = (folder: string): Record<string, string> => {
  const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()
  const files = names.filter((name) => fs.statSync(path.join(folder, name)).isFile())
  return Object.fromEntries(
    files.map((name) => [
      name.replaceAll(path.sep, "/"),
      createHash("sha256")
        .update(fs.readFileSync(path.join(folder, name)))
        .digest("hex")
    ])
  )
}

export const readFixture = (state: string): Fixture =>
  JSON.parse(fs.readFileSync(path.join(fixtureFolder(state), "expected.json"), "utf8")) as Fixture

/** Copies the lib of a fixture, so that it can be opened. */
export const copyFixture = (state: string, to: string): void =>
  fs.cpSync(path.join(fixtureFolder(state), "lib"), to, { recursive: true })

/**
 * Appends one record to each tape that accepts one, and one event to a new stream of each category. Returns how many
 * were appended to each tape.
 */
export const appendEverywhere = (lib: LibService): Effect.Effect<ReadonlyMap<string, number>, unknown> =>
  Effect.gen(function* () {
    const added = new Map<string, number>()
    const listed = (yield* lib.tapes).filter(({ state }) => state === "active")
    for (const { name, role } of listed) {
      if (role === "events") continue
      yield* Effect.flatMap(existingTape(lib, name), (tape) => tape.append([{ $type: "Later", name }]))
      added.set(name, 1)
    }
    if (listed.every(({ role }) => role === "records")) return added
    const store = yield* EventStore.make
    const before = yield* sizes(lib)
    for (let n = 0; n < 8; n++) yield* store.append(`order-later-${n}`, [{ type: "Later", data: n }])
    for (const [name, size] of yield* sizes(lib)) {
      if (size > before.get(name)!) added.set(name, size - before.get(name)!)
    }
    return added
  }).pipe(Effect.provideService(Lib.Lib, lib))

const sizes = (lib: LibService) =>
  Effect.map(
    Effect.flatMap(lib.tapes, (listed) =>
      Effect.forEach(listed, ({ name }) =>
        Effect.flatMap(existingTape(lib, name), (tape) => Effect.map(tape.size, (size) => [name, size] as const))
      )
    ),
    (entries) => new Map(entries)
  )
