/** After a crash, of several that answer one event exactly one succeeds, and none later. */
import * as Effect from "effect/Effect"
import { type Session, Wrong } from "./session.ts"

export const answerOnce = Effect.fnUntraced(function* ({ store }: Session) {
  const { firstPosition: position } = yield* store.append("asked-7", [{ type: "Asked", data: { t: "race" } }])
  const consumer = `asked-${position}`
  const answer = (stream: string) => {
    // A lib that was recovered does not know whether the consumer was there before.
    const checkpoint = { consumer, position, low: position }
    return store.append(stream, [{ type: "Answered", data: { t: "race" } }], { checkpoint }).pipe(
      Effect.as(true),
      Effect.catchTag("CheckpointNotIncreased", () => Effect.succeed(false))
    )
  }
  const begin = store.appendAll([], { checkpoint: { consumer, low: 0, reset: true } })
  yield* begin
  // They are queued while another append is written, so that they come into one batch.
  yield* Effect.forkChild(store.append("asked-7", [{ type: "Noted", data: { t: "race" } }]))
  yield* Effect.yieldNow
  const won = yield* Effect.forEach(["asked-7", "asked-8", "asked-9"], answer, { concurrency: "unbounded" })
  const winners = won.filter((one) => one).length
  if (winners !== 1) throw new Wrong(`of three answers to one event, ${winners} were appended`)
  if (yield* answer("asked-8")) throw new Wrong("an event that was answered was answered again")
})
