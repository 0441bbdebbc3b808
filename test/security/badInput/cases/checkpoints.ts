/** What is kept for a consumer, in a folder: damaged, of something else, or too large. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as NodeDisk from "litetapes/NodeDisk"
import { storeOf, withLib } from "../../../support/openLib.ts"
import type { Case, Cases } from "../table.ts"

/** Changes what a consumer has kept at this path, as text or as bytes. */
type Change = (file: string) => void

const rewritten =
  (by: object): Change =>
  (file) =>
    fs.writeFileSync(file, JSON.stringify({ ...(JSON.parse(fs.readFileSync(file, "utf8")) as object), ...by }))

const consumer = Consumer.make({
  name: "tested",
  maxAttempts: 1,
  onPoison: "park",
  handler: ({ position }) => (position === 0 ? Effect.fail("no") : Effect.void)
})

/** Runs a consumer once, changes one of its files, and runs it again. */
const changed = (name: string, error: string, says: RegExp, change: Change, file = "checkpoint.json"): Case => ({
  name,
  error,
  says,
  give: ({ place, storage }) => {
    const folder = place()
    return withLib<unknown, unknown>(storage, place(), (lib) =>
      Effect.gen(function* () {
        const store = yield* storeOf(lib)
        yield* store.append("order-1", [{ type: "Made" }, { type: "Made" }])
        const run = Effect.scoped(Effect.flatMap(Consumer.run(consumer), ({ whenCaughtUp }) => whenCaughtUp)).pipe(
          Effect.provideService(EventStore.EventStore, store),
          Effect.provide(CheckpointStore.layerFolder(folder)),
          Effect.provide(NodeDisk.layer)
        )
        yield* Effect.orDie(run)
        change(path.join(folder, "tested", file))
        yield* run
      })
    )
  }
})

const anotherLib = "01a22e1c-90a6-729e-bab3-4b801566a21c"

const checkpoint: ReadonlyArray<Case> = [
  changed("cut off", "CheckpointInvalid", /checkpoint in .* damaged.*remove it to handle all/, (file) =>
    fs.truncateSync(file, 40)
  ),
  changed("of another consumer", "CheckpointInvalid", /of consumer "other"/, rewritten({ consumer: "other" })),
  changed("of a later format", "CheckpointInvalid", /format 2.*upgrade/, rewritten({ format: 2 })),
  changed("of a later version", "NewerConsumer", /of version 2/, rewritten({ version: 2 })),
  changed("of another lib", "NotInHistory", /noted in lib 01a22e1c/, rewritten({ lib: anotherLib })),
  changed("after the end of the lib", "NotInHistory", /ends before it/, rewritten({ end: 9 })),
  changed("larger than 8 MiB", "too-large", /8388609/, (file) => fs.truncateSync(file, 8 * 1024 * 1024 + 1)),
  changed(
    "of another event",
    "CheckpointInvalid",
    /parked-0 in .* position 1.*remove it to forget the parked event/,
    rewritten({ position: 1 }),
    "parked-0.json"
  )
]

export const checkpoints: Cases = { checkpoint }
