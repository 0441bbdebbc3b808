/**
 * After the damage: a lib that opens must accept appends, recognise repeated ids, and have everything at the next
 * opening.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import type { RecordedEvent } from "litetapes/EventStore"
import { existingTape, type LibService } from "../../support/openLib.ts"
import { type Answer, failureOf } from "./answer.ts"
import type { Truth } from "./truth.ts"

export interface Gone {
  /** Failed appends, and repeats of events. */
  readonly answers: ReadonlyArray<Answer>
  /** The record that was appended to each tape, as canonical text. */
  readonly appended: ReadonlyMap<string, string>
}

/** Appends to every tape and stream, and repeats the first event of each stream. */
export const goOn = Effect.fnUntraced(function* (lib: LibService, truth: Truth): Effect.fn.Return<Gone> {
  const answers: Array<Answer> = []
  const appended = new Map<string, string>()
  const note = (way: string, tape: string, effect: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(effect)
      if (Exit.isFailure(exit)) {
        answers.push({ way, expected: "append", tape, got: [], failure: failureOf(exit.cause) })
        return
      }
      const last = yield* Effect.orDie(
        Effect.flatMap(existingTape(lib, tape), (opened) =>
          Effect.flatMap(opened.size, (size) => Stream.runCollect(opened.records({ from: size - 1 })))
        )
      )
      appended.set(tape, JSON.stringify(last[0]))
    })
  for (const { isArchived, name, role } of truth.tapes.values()) {
    if (role === "events" || isArchived) continue
    const append = Effect.flatMap(existingTape(lib, name), (tape) => tape.append([{ goneOn: true }]))
    yield* note(`append to ${name}`, name, append)
  }
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  for (const [stream, { events, tape }] of truth.streams) {
    if (appended.has(tape)) continue
    yield* note(`append to stream ${stream}`, tape, store.append(stream, [{ type: "GoneOn" }]))
    const first = JSON.parse(events[0]!) as RecordedEvent
    const { data, id, tags, type } = first
    const repeat = store.append(stream, [{ data, id, tags, type, metadata: { correlationId: "another request" } }])
    const exit = yield* Effect.exit(repeat)
    const got = Exit.isSuccess(exit) ? [`${exit.value.firstRevision}`] : []
    const failure = Exit.isFailure(exit) ? failureOf(exit.cause) : undefined
    answers.push({ way: `a repeat of the first event of ${stream}`, expected: "repeat", stream, got, failure })
  }
  return { answers, appended }
})

/** Returns what must be there at the next opening, if the last `missing` batches were already gone. */
export const afterwards = (truth: Truth, batch: number, missing: number, { appended }: Gone): Truth => {
  const tapes = [...truth.tapes.values()].map((tape) => {
    const gone = truth.batches.slice(0, missing).reduce((sum, counts) => sum + (counts.get(tape.name) ?? 0), 0)
    const more = appended.get(tape.name)
    const lines = [...tape.lines.slice(0, tape.lines.length - gone), ...(more === undefined ? [] : [more])]
    return [tape.name, { ...tape, lines, segments: [] }] as const
  })
  return { tapes: new Map(tapes), events: [], streams: new Map(), batch: batch + appended.size, batches: [] }
}
