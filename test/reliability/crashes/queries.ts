/** After a crash, a query finds what a search through all events finds. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { collidingTags } from "../../support/collidingTerms.ts"
import { type Session, Wrong } from "./session.ts"

/** Compares what queries find, in both directions, with all events; again after another append. */
export const queryAll = Effect.fnUntraced(function* (session: Session) {
  yield* compare(session)
  yield* session.store.append("queried", [{ type: "Noted", tags: ["third", collidingTags[0]], data: { t: "query" } }])
  yield* compare(session)
})

const compare = Effect.fnUntraced(function* ({ store }: Session) {
  const all = yield* Stream.runCollect(store.readAll())
  for (const tag of [...collidingTags, "third"]) {
    const expected = all.filter(({ tags }) => tags.includes(tag)).map(({ position }) => position)
    for (const direction of ["forward", "backward"] as const) {
      const { events } = yield* store.query([{ tags: [tag] }], { direction })
      const found = events.map(({ position }) => position).toSorted((a, b) => a - b)
      if (found.join() !== expected.join())
        throw new Wrong(`a query, ${direction}, found the events at ${found.join()} instead of ${expected.join()}`)
    }
  }
})
