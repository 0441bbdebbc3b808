/** The event store, as an application that uses Effect does it: one fibre for each writer. */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { Category, Decider, EventStore, Lib, NodeStorage, Tape } from "../litetapes.ts"
import { byStream } from "./byStream.ts"
import { fibreWriters } from "./fibres.ts"
import type { NewEvent, PeerModule } from "./peer.ts"
import { evolve, mayPlace } from "../workloads/command.ts"

/** Opens the event store in a folder. Returns it with a function that runs effects over its lib; `close` ends both. */
export const openLib = async (folder: string) => {
  const runtime = ManagedRuntime.make(Layer.provide(EventStore.layer(join(folder, "lib")), NodeStorage.layer))
  const store = await runtime.runPromise(EventStore.EventStore)
  const run = <A, E>(effect: Effect.Effect<A, E, Lib.Lib>): Promise<A> => runtime.runPromise(effect)
  const close = () => run(store.lib.close).finally(() => runtime.dispose())
  return { store, run, close }
}

/** Like the peers, it checks no data against a schema. */
const Order = Category.make("order", { OrderPlaced: Schema.Unknown })

/** A decider whose states are kept in memory if `cache` is not 0. */
const ordersWith = (cache: number) =>
  Decider.make({
    name: "orders",
    category: Order,
    cache,
    initialState: () => 0,
    evolve: (sum, event) => evolve(sum, event.data),
    decide: ({ type: _, ...event }: NewEvent, sum) =>
      mayPlace(sum) ? { type: "OrderPlaced" as const, ...event } : undefined
  })

export const open: PeerModule["open"] = async (folder, setting) => {
  const { store, run, close } = await openLib(folder)
  const orders = ordersWith(setting === "cached" ? 100_000 : 0)
  return {
    commanders: fibreWriters(
      ({ event, stream }) => Decider.handle(orders, stream.slice("order-".length), event),
      (effect) => run(Effect.provideService(effect, EventStore.EventStore, store))
    ),
    append: (stream, event) => run(Effect.asVoid(store.append(stream, [event]))),
    appendBatch: (batch) =>
      run(Effect.asVoid(store.appendAll(Array.from(byStream(batch), ([stream, events]) => ({ stream, events }))))),
    appendExpected: (stream, event, expected) =>
      run(Effect.asVoid(store.append(stream, [event], { expected: expected === -1 ? "no-stream" : expected }))),
    readStream: (stream) => run(Stream.runCollect(store.read(stream))),
    readLast: async (stream) =>
      Option.getOrUndefined(
        await run(Stream.runHead(store.read(stream, { direction: "backward", limit: 1 })))
      ) as undefined,
    replay: (visit) =>
      run(
        Stream.runForEachArray(store.readAll(), (events) =>
          Effect.sync(() => {
            for (const event of events) visit(event)
          })
        )
      ),
    writers: fibreWriters(({ stream, event }) => store.append(stream, [event]), run),
    verify: (depth) => run(verify(depth)),
    repack: () => run(repackAll),
    close
  }
}

/** Verifies the whole lib. Dies if it is damaged. */
export const verify = (depth: "files" | "records") =>
  Effect.gen(function* () {
    const lib = yield* Lib.Lib
    const { ok } = yield* lib.verify({ depth })
    if (!ok) return yield* Effect.die(new Error("the lib is damaged"))
  })

/** Compresses every tape. */
export const repackAll = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  for (const { name } of yield* lib.tapes) {
    const tape = yield* Tape.make(name)
    yield* tape.repack({ compression: "zstd" })
  }
})
