/** `litetapes streams` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { JsonFlag } from "../flags.ts"
import { reader, storeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { listStreams, type StreamRow, streamColumns } from "../streamList.ts"
import { count, time } from "../text/units.ts"

interface Input {
  readonly category: ReadonlyArray<string>
  readonly sort: "name" | "events" | "time"
  readonly limit: Option.Option<number>
  readonly allowGaps: boolean
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0)

const orders: { readonly [Sort in Input["sort"]]: (a: StreamRow, b: StreamRow) => number } = {
  name: (a, b) => compare(a.stream, b.stream),
  events: (a, b) => b.events - a.events || compare(a.stream, b.stream),
  time: (a, b) => compare(b.last, a.last) || compare(a.stream, b.stream)
}

const program = ({ allowGaps, category, limit, sort }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* reader
    const all = yield* listStreams(yield* storeOf(lib), category, allowGaps)
    const rows = all.toSorted(orders[sort]).slice(
      0,
      Option.getOrElse(limit, () => all.length)
    )
    if (yield* JsonFlag) return yield* Effect.forEach(rows, output.json, { discard: true })
    yield* output.table(
      streamColumns,
      rows.map(({ events, last, revision, stream }) => [stream, count(events), String(revision), time(last)])
    )
  })

export const run = (input: Input) => within(program(input))
