/**
 * One reader that lives longer than all the writers. Each event holds its own revision, so what it reads tells whether it is
 * right.
 */
import * as assert from "node:assert"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import { streams } from "./streams.ts"

/** Last revision that writers acknowledged, by stream. Grows while the reader reads. */
export type Acknowledged = ReadonlyMap<string, number>

type Store = EventStore.EventStore["Service"]

/** A reader's view, as it was last seen: last revision by stream, -1 for none. */
export type View = Map<string, number>

export const nothingSeen = (): View => new Map(streams.map((stream) => [stream, -1]))

/** Says in a failure what failed. */
const during = <A, E>(what: string, effect: Effect.Effect<A, E>): Effect.Effect<A, Error> =>
  Effect.mapError(effect, (error) => new Error(`${what}: ${(error as { readonly stack?: string }).stack}`))

/**
 * Refreshes and reads what is new, and everything if `whole`. Fails if an event is missing that was acknowledged before
 * the refresh, if the view goes back, or if an event is wrong.
 */
export const look = Effect.fnUntraced(function* (store: Store, view: View, acknowledged: Acknowledged, whole: boolean) {
  const promised = new Map(acknowledged)
  yield* during("refresh", store.lib.refresh)
  for (const stream of streams) {
    const before = Math.max(view.get(stream)!, promised.get(stream) ?? -1)
    const from = whole ? 0 : Math.max(0, view.get(stream)!)
    const events = yield* during(`read of ${stream}`, Stream.runCollect(store.read(stream, { from })))
    const revisions = events.map(({ revision }) => revision)
    const last = revisions.at(-1) ?? -1
    assert.ok(last >= before, `${stream} ends at revision ${last}, but ${before} was acknowledged or seen before`)
    assert.deepStrictEqual(
      revisions,
      revisions.map((_, index) => from + index),
      `revisions of ${stream}`
    )
    assert.deepStrictEqual(
      events.map(({ data }) => (data as { readonly at: number }).at),
      revisions,
      `data of ${stream}`
    )
    view.set(stream, last)
  }
  if (!whole) return
  const positions = (yield* during("readAll", Stream.runCollect(store.readAll()))).map(({ position }) => position)
  assert.deepStrictEqual(positions, [...Array(positions.length).keys()], "positions of all events")
})
