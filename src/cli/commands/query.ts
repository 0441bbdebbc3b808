/** `litetapes query` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Failed, isLoss } from "../errors.ts"
import { printEvents, type Showing, shownEvent } from "../events.ts"
import { sentenceOf } from "../exit.ts"
import { JsonFlag } from "../flags.ts"
import { reader, storeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { parseBoundary, parseItems } from "../queryItems.ts"

interface Input extends Showing {
  readonly items: ReadonlyArray<string>
  readonly after: Option.Option<string>
  readonly limit: Option.Option<number>
  readonly reverse: boolean
}

const program = (input: Input) =>
  Effect.gen(function* () {
    const { after, items, limit, reverse } = input
    const output = yield* Output
    const wanted = yield* parseItems(items)
    const begin = Option.isSome(after) ? { after: yield* parseBoundary(after.value) } : {}
    const store = yield* storeOf(yield* reader)
    const found = store.query(wanted, {
      ...begin,
      ...(Option.isSome(limit) ? { limit: limit.value } : {}),
      direction: reverse ? "backward" : "forward"
    })
    // A decision must not pass over lost events, so a query has no --allow-gaps.
    const { boundary, events } = yield* Effect.catchIf(found, isLoss, (error) => {
      const way = "litetapes accept-loss TAPE, or litetapes cat --allow-gaps"
      return Effect.fail(new Failed({ message: sentenceOf(error), way }))
    })
    if (yield* JsonFlag) return yield* output.json({ boundary: boundary.encode(), events: events.map(shownEvent) })
    yield* printEvents(Stream.fromArray(events), input)
    yield* output.note(`boundary ${boundary.encode()}\n`)
  })

export const run = (input: Input) => within(program(input))
