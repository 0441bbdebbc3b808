/** `litetapes tail` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { RecordedEvent } from "../../services/EventStore.ts"
import { type Filtering, filterOf, printEvents, type Showing } from "../events.ts"
import { reader, storeOf, within } from "../openLib.ts"

interface Input extends Filtering, Showing {
  readonly stream: Option.Option<string>
  readonly follow: boolean
  readonly lines: Option.Option<number>
  readonly after: Option.Option<number>
}

const program = (input: Input) =>
  Effect.gen(function* () {
    const { after, allowGaps, follow, lines, stream } = input
    const lib = yield* reader
    const store = yield* storeOf(lib)
    const filter = filterOf(input)
    const filtered = filter === undefined ? {} : { filter }
    const name = Option.getOrUndefined(stream)
    const read = (options: { readonly from?: number; readonly limit?: number; readonly direction?: "backward" }) =>
      (name === undefined
        ? store.readAll({ ...options, ...filtered, allowGaps })
        : store.read(name, { ...options, ...(filtered as object), allowGaps })) as Stream.Stream<RecordedEvent, unknown>
    // Taken before the last events are read, so that none is missed between them and those that follow.
    const end =
      name === undefined
        ? yield* store.position
        : yield* Effect.map(store.revision(name), (last) => (last === "no-stream" ? 0 : last + 1))
    if (Option.isNone(after)) {
      const most = Option.getOrElse(lines, () => 10)
      const last = yield* Stream.runCollect(read({ direction: "backward", limit: most }))
      const placeOf = (event: RecordedEvent): number => (name === undefined ? event.position : event.revision)
      const shown = last.filter((event) => placeOf(event) < end).toReversed()
      yield* printEvents(Stream.fromArray(shown.slice(0, most)), input)
      if (!follow) return
    } else if (!follow) {
      const limit = Option.isSome(lines) ? { limit: lines.value } : {}
      return yield* printEvents(read({ from: after.value + 1, ...limit }), input)
    }
    const from = Option.isSome(after) ? { after: after.value } : end > 0 ? { after: end - 1 } : ("start" as const)
    const following = (
      name === undefined
        ? store.subscribe({ from, ...filtered, allowGaps })
        : store.subscribeToStream(name, { from, ...(filtered as object), allowGaps })
    ) as Stream.Stream<RecordedEvent, unknown>
    yield* printEvents(following, input)
  })

export const run = (input: Input) => within(program(input))
