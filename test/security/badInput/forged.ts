/** Libs in memory with forged files: they are changed, and every hash is recomputed. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as EventStore from "litetapes/EventStore"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import { existingTape, type LibService, tapeOf, withLib } from "../../support/openLib.ts"
import { buildLib } from "../../reliability/inputs/bases.ts"
import { type MemoryDisk, memoryDisk, place } from "../../reliability/inputs/memoryDisk.ts"
import * as Reseal from "../../reliability/inputs/reseal.ts"
import { type Fields, print } from "../../reliability/inputs/values.ts"

export type Draft = Reseal.Draft

/** Makes a draft: the files that `make` returns, or those after a clean close. */
export const draftOf = (
  make: (lib: LibService, files: () => Draft) => Effect.Effect<Draft | void, unknown, Lib.Lib>
): Effect.Effect<Draft, unknown> =>
  Effect.map(
    buildLib({}, (lib, files) => make(lib, () => new Map(files()))),
    (files) => new Map(files)
  )

/** Appends three events each to `order-1` and `customer-1`, alternately, and two records to the tape `notes`. */
export const fill = Effect.fnUntraced(function* (lib: LibService) {
  const store = yield* EventStore.make
  for (let n = 0; n < 3; n++) {
    yield* store.append("order-1", [{ type: "T", data: n, id: `order ${n}` }])
    yield* store.append("customer-1", [{ type: "T", data: n }])
  }
  const notes = yield* tapeOf(lib, "notes")
  yield* notes.append([{ n: 0 }, { n: 1 }])
})

/** Changes the lines of a plain segment and seals the meta of its tape again. */
export const changeSegment = (
  draft: Draft,
  tape: string,
  change: (lines: ReadonlyArray<string>) => ReadonlyArray<string>
): void => {
  const file = `${tape}/seg-000001.jsonl`
  draft.set(file, changed(draft, file, change))
  Reseal.resealTape(draft, tape)
}

/** Changes the lines of the first dynamic segment and seals its batches again. */
export const changeDynamic = (draft: Draft, change: (lines: ReadonlyArray<string>) => ReadonlyArray<string>): void => {
  const file = "litelib.dynamic-000001.jsonl"
  draft.set(file, changed(draft, file, change))
  Reseal.resealDynamics(draft)
}

const changed = (
  draft: Draft,
  file: string,
  change: (lines: ReadonlyArray<string>) => ReadonlyArray<string>
): Uint8Array => {
  const lines = Reseal.splitLines(Reseal.bytesOf(draft, file)).map((line) => line.toString())
  return Reseal.joinLines(change(lines).map((line) => Buffer.from(line)))
}

/** Changes records of a meta and seals them again. */
export const changeMeta = (draft: Draft, file: string, change: (record: Fields) => void): void => {
  const records = Reseal.readMeta(Reseal.bytesOf(draft, file))
  for (const record of records) change(record)
  draft.set(file, Reseal.sealMeta(records))
}

/** Returns the line of a record with other fields. */
export const withFields = (line: string, fields: Fields): string =>
  print({ ...(JSON.parse(line) as Fields), ...fields })

/** Opens the draft, on a separate disk unless one is given, uses it and closes it. */
export const using = <A, E>(
  draft: Draft,
  use: (lib: LibService, store: EventStore.EventStore["Service"]) => Effect.Effect<A, E, Lib.Lib>,
  options: Lib.Options = { mode: "read" },
  disk: MemoryDisk = memoryDisk(draft)
) =>
  Effect.flatMap(Effect.provideService(FolderStorage.make, Disk, disk.disk), (storage) =>
    withLib(storage, place, (lib) => Effect.flatMap(EventStore.make, (store) => use(lib, store)), options)
  )

/** Returns the tag and the message of the error of `effect`. */
export const refusal = <A, E extends { readonly _tag: string; readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<string, A, R> => Effect.map(Effect.flip(effect), ({ _tag, message }) => `${_tag}: ${message}`)

/** A cleanly closed lib. */
export const closed = draftOf(fill)

export const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1)

/** A lib as a killed writer leaves it: only the first records of `notes` are in a segment. */
export const live = draftOf((lib, files) =>
  Effect.gen(function* () {
    yield* fill(lib)
    const notes = yield* existingTape(lib, "notes")
    yield* notes.appendSegment
    yield* notes.append([{ n: 2 }])
    return files()
  })
)

/** The same, with an event in the last batch and no segments. */
export const liveEvents = draftOf((_, files) =>
  Effect.gen(function* () {
    const store = yield* EventStore.make
    for (const n of [0, 1]) yield* store.append("order-1", [{ type: "T", data: n }])
    return files()
  })
)

export const forging = (name: string, base: typeof closed, test: (draft: Draft) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.provide(Effect.flatMap(base, test), Logger.layer([])))

export const replaced = (lines: ReadonlyArray<string>, at: number, line: string) => lines.with(at, line)

/** Changes the lines that contain this text. */
export const where = (text: string, change: (line: string) => string) => (lines: ReadonlyArray<string>) =>
  lines.map((line) => (line.includes(text) ? change(line) : line))
