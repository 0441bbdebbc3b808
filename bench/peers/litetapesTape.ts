/** One raw tape: records in order, without streams. A record is an event together with the name of its stream. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { Lib, NodeStorage, Tape } from "../litetapes.ts"
import { fibreWriters } from "./fibres.ts"
import { repackAll, verify } from "./litetapes.ts"
import type { NewEvent, PeerModule, StoredEvent } from "./peer.ts"

const recordOf = (stream: string, { type, data, metadata }: NewEvent, time: string) => ({
  $type: type,
  data,
  id: randomUUID(),
  metadata,
  stream,
  tags: [],
  time
})

export const open: PeerModule["open"] = async (folder) => {
  const runtime = ManagedRuntime.make(Layer.provide(Lib.layer(join(folder, "lib")), NodeStorage.layer))
  const tape = await runtime.runPromise(Tape.makeOrCreate("orders"))
  const run = <A, E>(effect: Effect.Effect<A, E, Lib.Lib>): Promise<A> => runtime.runPromise(effect)
  const appendOne = (stream: string, event: NewEvent) =>
    tape.append([recordOf(stream, event, new Date().toISOString())])
  return {
    append: (stream, event) => run(Effect.asVoid(appendOne(stream, event))),
    appendBatch: (batch) => {
      const time = new Date().toISOString()
      return run(Effect.asVoid(tape.append(batch.map(({ stream, event }) => recordOf(stream, event, time)))))
    },
    // The last record of the tape: a tape knows nothing of streams.
    readLast: async () =>
      Option.getOrUndefined(await run(Stream.runHead(tape.records({ reverse: true })))) as undefined,
    replay: (visit) =>
      run(
        Stream.runForEachArray(tape.records(), (records) =>
          Effect.sync(() => {
            for (const record of records) visit(record as unknown as StoredEvent)
          })
        )
      ),
    writers: fibreWriters(({ stream, event }) => appendOne(stream, event), run),
    verify: (depth) => run(verify(depth)),
    repack: () => run(repackAll),
    close: () => run(Effect.flatMap(Lib.Lib, (lib) => lib.close)).finally(() => runtime.dispose())
  }
}
