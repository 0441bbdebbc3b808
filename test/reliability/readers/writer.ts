/**
 * Opens the lib at its first argument again and again, until it is killed: appends to several streams events that
 * hold their own revisions, repacks now and then, and closes.
 *
 * Lines: `opening`, `ack <stream> <revision>`, `repack`, `closed`.
 */
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import { say } from "../../support/children.ts"
import { existingTape } from "../../support/openLib.ts"
import { makeRandom } from "../random.ts"
import { streams } from "./streams.ts"

const [location, seedText] = process.argv.slice(2)
const random = makeRandom(Number(seedText))

const appendTo = Effect.fnUntraced(function* (store: EventStore.EventStore["Service"], stream: string) {
  const expected = yield* store.revision(stream)
  const next = expected === "no-stream" ? 0 : expected + 1
  const events = Array.from({ length: 1 + random.below(4) }, (_, n) => ({
    type: "Written",
    data: { at: next + n, text: "x".repeat(random.below(200)) }
  }))
  const { lastRevision } = yield* store.append(stream, events, { expected })
  say(`ack ${stream} ${lastRevision}`)
})

const session = Effect.scoped(
  Effect.gen(function* () {
    say("opening")
    const store = yield* EventStore.open(location!, { closeBytes: 2048, backlogMax: 2 })
    const rounds = 1 + random.below(40)
    for (let round = 0; round < rounds; round++) {
      yield* appendTo(store, random.pick(streams))
      if (random.below(3) === 0) yield* Effect.sleep(random.below(8))
      if (random.below(25) !== 0) continue
      const names = (yield* store.lib.tapes).map(({ name }) => name)
      yield* (yield* existingTape(store.lib, random.pick(names))).repack({ targetBytes: 200_000 })
      say("repack")
    }
  })
)

const program = Effect.forever(
  Effect.andThen(
    session,
    Effect.sync(() => say("closed"))
  )
)

if (location !== undefined) await Effect.runPromise(Effect.provide(program, NodeStorage.layer))
