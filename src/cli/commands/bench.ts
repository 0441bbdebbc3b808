/** `litetapes bench` */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import * as NodeStorage from "../../layers/NodeStorage.ts"
import * as EventStore from "../../services/EventStore.ts"
import { Usage } from "../errors.ts"
import { JsonFlag } from "../flags.ts"
import { within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { count } from "../text/units.ts"

interface Input {
  readonly path: Option.Option<string>
  readonly seconds: Option.Option<number>
}

interface Result {
  readonly what: string
  /** Syncs or events. */
  readonly done: number
  readonly perSecond: number
}

const rateOf = (what: string, done: number, millis: number): Result => ({
  what,
  done,
  perSecond: Math.round((done * 1000) / Math.max(1, millis))
})

/** Repeats a step until the time is over. The step returns how much it has done. */
const during = <E, R>(what: string, millis: number, step: Effect.Effect<number, E, R>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    let done = 0
    let now: number
    // Once in any case, so that there is something to read.
    do {
      done += yield* step
      now = yield* Clock.currentTimeMillis
    } while (now - began < millis)
    return rateOf(what, done, now - began)
  })

/** Syncs of a file that grows by 256 bytes each time: what a durable append costs at least. */
const syncs = (folder: string, millis: number) =>
  Effect.acquireUseRelease(
    Effect.sync(() => openSync(join(folder, "sync"), "w")),
    (file) => {
      const bytes = Buffer.alloc(256, "x")
      const step = Effect.sync(() => {
        writeSync(file, bytes)
        fdatasyncSync(file)
        return 1
      })
      // Lets an interruption through.
      return during("write and sync 256 bytes", millis, Effect.andThen(Effect.yieldNow, step))
    },
    (file) => Effect.sync(() => closeSync(file))
  )

const event = { type: "Measured", data: { celsius: 19.5, note: "x".repeat(100) } }

const measure = (folder: string, millis: number) =>
  Effect.gen(function* () {
    const store = yield* Effect.provide(EventStore.open(join(folder, "lib")), NodeStorage.layer)
    const append = (stream: string) => Effect.as(store.append(stream, [event]), 1)
    const many = Effect.as(
      Effect.forEach(
        Array.from({ length: 64 }, (_, writer) => `writer-${writer}`),
        append,
        { concurrency: 64, discard: true }
      ),
      64
    )
    const one = yield* during("append, one writer", millis, append("writer-0"))
    const all = yield* during("append, 64 writers", millis, many)
    const replay = during("replay", millis, Stream.runCount(store.readAll()))
    return [yield* syncs(folder, millis), one, all, yield* replay]
  })

export const run = ({ path, seconds }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const parent = Option.getOrElse(path, () => ".")
    const millis = (Option.getOrElse(seconds, () => 60) * 1000) / 4
    const folder = Effect.acquireRelease(
      Effect.try({
        try: () => mkdtempSync(join(parent, "litetapes-bench-")),
        catch: () => new Usage({ message: `nothing can be written to ${JSON.stringify(parent)}.` })
      }),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
    )
    const results = yield* within(Effect.flatMap(folder, (made) => within(measure(made, millis))))
    if (yield* JsonFlag) return yield* output.json(results)
    yield* output.table(
      [{ title: "what" }, { title: "done", align: "right" }, { title: "a second", align: "right" }],
      results.map(({ done, perSecond, what }) => [what, count(done), count(perSecond)])
    )
  })
