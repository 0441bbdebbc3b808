/** `litetapes consumers` */
import * as Effect from "effect/Effect"
import { JsonFlag } from "../flags.ts"
import { reader, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { count } from "../text/units.ts"

const program = Effect.gen(function* () {
  const output = yield* Output
  const lib = yield* reader
  const { position } = yield* lib.durable
  const rows = (yield* lib.checkpoints).map(({ consumer, done, isLost, low, version }) => {
    // Ranges that are done above the first event that is not.
    const above = done.reduce((sum, [from, to]) => sum + (to - from), 0)
    return { consumer, version, low, done, isLost, lag: Math.max(0, position - low - above) }
  })
  if (yield* JsonFlag) return yield* output.json(rows)
  if (rows.length === 0) return yield* output.note("The lib keeps no checkpoints of consumers.\n")
  yield* output.table(
    [
      { title: "consumer", flexible: true },
      { title: "version", align: "right" },
      { title: "position", align: "right" },
      { title: "lag", align: "right" },
      { title: "state", style: (cell, { red }) => (cell === "lost" ? red(cell) : cell) }
    ],
    rows.map(({ consumer, isLost, lag, low, version }) => [
      consumer,
      String(version),
      count(low),
      count(lag),
      isLost ? "lost" : lag === 0 ? "caught up" : "not caught up"
    ])
  )
})

export const run = () => within(program)
