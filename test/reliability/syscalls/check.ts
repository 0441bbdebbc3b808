/** Checks what a killed writer left: every acknowledged step, and the step under way in full or not at all. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isDeepStrictEqual } from "node:util"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as TaraSON from "litetapes/TaraSON"
import { existingTape, type LibService, recordsOf, tapeOf, withLib } from "../../support/openLib.ts"
import { findings } from "../../support/receipts.ts"
import { closeBytes, revisionIn, type World, worldAfter } from "./script.ts"

/** Returns all broken promises, if the first `done` steps were acknowledged. */
export const check = async (location: string, done: number): Promise<ReadonlyArray<string>> => {
  const storage = await Effect.runPromise(NodeStorage.make)
  const program = Effect.gen(function* () {
    const wrong: Array<string> = []
    const expected = yield* withLib(storage, location, (lib) => recover(lib, done, wrong), { closeBytes })
    const again = yield* withLib(storage, location, read, { mode: "read" })
    if (!isDeepStrictEqual(again, expected))
      wrong.push(`the second opening found ${told(again)}, not ${told(expected)}`)
    return wrong
  })
  return Effect.runPromise(Effect.catchCause(program, (cause) => Effect.succeed([`${cause}`])))
}

/** Reads and compares everything, writes more, and returns what must be there from now on. */
const recover = Effect.fnUntraced(function* (lib: LibService, done: number, wrong: Array<string>) {
  const found = yield* read(lib)
  const allowed = [worldAfter(done), worldAfter(done + 1)]
  if (!allowed.some((world) => isDeepStrictEqual(world, found))) {
    wrong.push(`after ${done} acknowledged steps the lib holds ${told(found)}, not ${allowed.map(told).join(" or ")}`)
  }
  wrong.push(...(yield* findings(lib)))
  return yield* goOn(lib, found)
})

/** Uses every kind of number and name that the interrupted step may have used. */
const goOn = Effect.fnUntraced(function* (lib: LibService, found: World) {
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  const stream = "order-1"
  const revision = revisionIn(found, stream)
  const expected = revision === -1 ? ("no-stream" as const) : revision
  yield* store.append(stream, [{ type: "After", data: null, id: "after" }], { expected })
  found.events.push({ stream, revision: revision + 1, position: found.events.length, id: "after" })

  const alpha = yield* tapeOf(lib, "alpha")
  const record = { after: true }
  yield* alpha.append([record])
  yield* alpha.repack({ targetBytes: 2000, force: true })
  found.tapes["alpha"] ??= { state: "active", userMeta: {}, records: [] }
  found.tapes["alpha"].records.push(TaraSON.encode(record))
  return found
})

const read = Effect.fnUntraced(function* (lib: LibService) {
  const world: World = { tapes: {}, events: [] }
  for (const { name, role, state } of yield* lib.tapes) {
    if (role !== "records") continue
    const meta = yield* (yield* existingTape(lib, name)).meta
    const records = (yield* recordsOf(lib, name)).map((record) => TaraSON.encode(record))
    world.tapes[name] = { state, userMeta: { ...meta.userMeta }, records }
  }
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  for (const { stream, revision, position, id } of yield* Stream.runCollect(store.readAll())) {
    world.events.push({ stream, revision, position, id })
  }
  return world
})

const told = (world: World): string => {
  const tapes = Object.entries(world.tapes).map(
    ([name, { state, userMeta, records }]) => `${name} ${state} ${JSON.stringify(userMeta)} ${records.length}`
  )
  return `{${tapes.join(", ")}; ${world.events.length} events}`
}
