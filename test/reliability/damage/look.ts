/** Reads a lib in every way, and collects what is returned and which errors come. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import type * as Tape from "litetapes/Tape"
import { existingTape, type LibService, type StorageService, withLib } from "../../support/openLib.ts"
import { type Answer, collect, type Failure, failureOf } from "./answer.ts"
import { type Gone, goOn } from "./goOn.ts"
import { place } from "./place.ts"
import type { Truth } from "./truth.ts"

export interface Look {
  readonly mode: "read" | "write"
  /** Error of the opening, if it failed. */
  readonly refused: Failure | undefined
  readonly report: Lib.OpenReport | undefined
  /** The last batch that is shown. */
  readonly batch: number
  readonly tapes: ReadonlyArray<{ readonly name: string; readonly state: string }>
  readonly answers: ReadonlyArray<Answer>
  readonly verified: Lib.VerifyReport | undefined
  readonly gone: Gone | undefined
}

export interface LookOptions {
  readonly mode: "read" | "write"
  /** `records`: the records of every tape. `all`: also segments, streams, all events, and everything backwards. */
  readonly reads: "nothing" | "records" | "all"
  /** Whether to verify too. */
  readonly verify: boolean
  /** Whether to append too; only for writers. */
  readonly goOn: boolean
  /** Called at the end, before the lib is closed. */
  readonly atEnd?: () => void
  /** Folder of the lib. Default: its path in images. */
  readonly location?: string
}

/** Opens the lib and reads everything that `truth` lists. Never fails. */
export const look = (storage: StorageService, truth: Truth, options: LookOptions): Effect.Effect<Look> =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(
      withLib<Omit<Look, "mode" | "refused">, never>(
        storage,
        options.location ?? place,
        (lib) => lookInto(lib, truth, options),
        {
          mode: options.mode
        }
      )
    )
    if (Exit.isSuccess(exit)) return { ...exit.value, mode: options.mode, refused: undefined }
    const refused = failureOf(exit.cause)
    return { ...nothing, mode: options.mode, refused }
  })

const nothing = { report: undefined, batch: 0, tapes: [], answers: [], verified: undefined, gone: undefined }

const lookInto = (lib: LibService, truth: Truth, options: LookOptions) =>
  Effect.gen(function* () {
    const answers: Array<Answer> = []
    for (const { name } of options.reads === "nothing" ? [] : truth.tapes.values()) {
      answers.push(...(yield* readTape(lib, name, truth, options)))
    }
    if (options.reads === "all" && truth.events.length > 0) answers.push(...(yield* readEvents(lib, truth)))
    const verified = options.verify ? yield* Effect.orDie(lib.verify()) : undefined
    const tapes = (yield* lib.tapes).map(({ name, state }) => ({ name, state }))
    const { batch } = yield* lib.durable
    const gone = options.goOn ? yield* goOn(lib, truth) : undefined
    answers.push(...(gone?.answers ?? []))
    options.atEnd?.()
    return { report: lib.report, batch, tapes, answers, verified, gone }
  })

const readTape = Effect.fnUntraced(function* (lib: LibService, name: string, truth: Truth, options: LookOptions) {
  const whole = { expected: "records", tape: name, way: `records of ${name}` } as const
  const opened = yield* Effect.exit(existingTape(lib, name))
  if (Exit.isFailure(opened)) return [{ ...whole, got: [], failure: failureOf(opened.cause) }]
  const tape: Tape.Tape["Service"] = opened.value
  const answers = [yield* collect(tape.records(), whole)]
  if (options.reads === "records") return answers
  const backwards = { ...whole, way: `records of ${name}, backwards`, reverse: true }
  answers.push(yield* collect(tape.records({ reverse: true }), backwards))
  for (const { name: file, number } of truth.tapes.get(name)!.segments) {
    const tag = { expected: "segment", way: `segment ${file}`, tape: name, segment: number } as const
    answers.push(yield* collect(tape.readSegment(number), tag))
  }
  return answers
})

const readEvents = Effect.fnUntraced(function* (lib: LibService, truth: Truth) {
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  const answers: Array<Answer> = []
  for (const direction of ["forward", "backward"] as const) {
    const reverse = direction === "backward"
    const suffix = reverse ? ", backwards" : ""
    answers.push(yield* collect(store.readAll({ direction }), { expected: "all", way: `all events${suffix}`, reverse }))
    // Every event has this tag.
    const byTag = store.readAll({ direction, filter: { tags: ["tag"] } })
    answers.push(yield* collect(byTag, { expected: "all", way: `all events by their tag${suffix}`, reverse }))
    for (const stream of truth.streams.keys()) {
      const tag = { expected: "stream", way: `stream ${stream}${suffix}`, stream, reverse } as const
      answers.push(yield* collect(store.read(stream, { direction }), tag))
    }
  }
  for (const stream of truth.streams.keys()) {
    const tag = { expected: "revision", way: `revision of ${stream}`, stream } as const
    answers.push(yield* collect(Stream.fromEffect(store.revision(stream)), tag))
  }
  return answers
})
