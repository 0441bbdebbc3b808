/** Asking a lib for something, and noting what must not come of it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import type { Random } from "../random.ts"
import { blameMessage, judge } from "./judge.ts"

/** What was found out about one input. */
export interface Findings {
  /** What must not be. */
  readonly blames: Array<string>
  /** How opening for reading ended, and then how the worst of what followed did. */
  outcome: string
  /** Record ids by tape, as a reader saw them: only of tapes that could be read whole. */
  readonly records: Map<string, ReadonlyArray<string>>
}

export const noFindings = (): Findings => ({ blames: [], outcome: "", records: new Map() })

/** Runs one operation, and judges how it ends. */
type Ask = <A, R>(name: string, effect: Effect.Effect<A, unknown, R>) => Effect.Effect<A | undefined, never, R>

const asking =
  (findings: Findings, session: string): Ask =>
  (name, effect) =>
    Effect.map(Effect.exit(effect), (exit) => {
      const { tag, blame } = judge(exit)
      if (blame !== undefined) findings.blames.push(`${session}: ${name} ${blame}`)
      const isNews = findings.outcome === "" || findings.outcome === "ok"
      if (isNews && tag !== "ok" && !aboutQuestions.has(tag)) findings.outcome = tag
      return exit._tag === "Success" ? exit.value : undefined
    })

/** Errors that say that what was asked for is not there: the questions are made up. */
const aboutQuestions: ReadonlySet<string> = new Set(["HeadMismatch", "RecordNotFound"])

/** Fibres of the library that end in a defect say so in the log. */
export const listening = (findings: Findings) =>
  Logger.make(({ cause, message }) => {
    const text = [message].flat().map(String).join(" ")
    const blame = Cause.hasDies(cause) ? Cause.pretty(cause) : blameMessage(text.slice(0, 900))
    if (blame !== undefined) findings.blames.push(`in the background: ${text.slice(0, 300)} ${blame.slice(0, 1200)}`)
  })

/** What is asked of an input, and what decides how much of it. */
export interface Asker {
  readonly ask: Ask
  readonly findings: Findings
  readonly random: Random
  /** Asks now and then: with so many inputs, each question is asked often enough. */
  readonly sometimes: <A>(
    share: number,
    name: string,
    effect: Effect.Effect<A, unknown>
  ) => Effect.Effect<A | undefined>
  /** Names of tapes of which something was changed. */
  readonly touched: ReadonlySet<string>
}

export const askerOf = (findings: Findings, session: string, random: Random, touched: ReadonlySet<string>): Asker => {
  const ask = asking(findings, session)
  const sometimes: Asker["sometimes"] = (share, name, effect) =>
    random.next() < share ? ask(name, effect) : Effect.succeed(undefined)
  return { ask, findings, random, sometimes, touched }
}

/** Tapes that are looked at: hostile lists may be long. */
const tapesMax = 4

/** Those of which something was changed, and another one. */
export const tapesOf = ({ random, touched }: Asker, lib: Lib.Lib["Service"]) =>
  Effect.map(lib.tapes, (tapes) => {
    const wanted = tapes.filter(({ name }) => touched.has(name)).slice(0, tapesMax)
    const other = random.pick(tapes)
    return other === undefined || wanted.includes(other) ? wanted : [...wanted, other]
  })

export const openTape = ({ ask }: Asker, lib: Lib.Lib["Service"], name: string) =>
  ask(`Tape.make ${name.slice(0, 40)}`, Effect.provideService(Tape.make(name), Lib.Lib, lib))
