/** After a crash, every event that is there is known: a retry of it is a repeat, and its command is done. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Session, Wrong } from "./session.ts"

interface Data {
  readonly t: string
  /** The command that made the event, if one did. */
  readonly by?: string
}

/** Appends all events again as another request would: with other metadata. Nothing may be appended. */
export const repeatAll = Effect.fnUntraced(function* ({ store }: Session) {
  const before = yield* store.position
  for (const { data, id, position, revision, stream, tags, type } of yield* Stream.runCollect(store.readAll())) {
    const { by, t } = data as unknown as Data
    const found = yield* store.find(stream, id)
    if (found?.position !== position) throw new Wrong(`event ${id} of ${stream} is not found by its id`)
    const metadata = { correlationId: `again ${t}` }
    const retry =
      by === undefined
        ? yield* store.append(stream, [{ type, data, id, metadata, tags }], { expected: "no-stream" })
        : yield* store.append(stream, [], { commandId: by, expected: "no-stream" })
    const covers = retry.firstRevision <= revision && revision <= retry.lastRevision
    if (!retry.repeated || !covers) throw new Wrong(`a retry of event ${id} of ${stream} is not a repeat`)
  }
  if ((yield* store.position) !== before) throw new Wrong("retries of events appended something")
})
