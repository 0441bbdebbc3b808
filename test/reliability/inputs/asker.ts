/** Runs operations on a lib, and notes outcomes that must not be. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import type { Random } from "../random.ts"
import { blameMessage, judge } from "./judge.ts"

/** The findings about one input. */
export interface Findings {
  /** Broken promises, in words. */
  readonly blames: Array<string>
  /** How opening for reading ended. If it succeeded, the first error of what followed. */
  outcome: string
  /** Record ids by tape, as a reader saw them; only of tapes that were read to the end. */
  readonly records: Map<string, ReadonlyArray<string>>
}

export const noFindings = (): Findings => ({ blames: [], outcome: "", records: new Map() })

/** Runs one operation and judges how it ends. Returns `undefined` if it failed. */
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

/** Errors that are expected because the questions are made up: the thing asked for does not exist. */
const aboutQuestions: ReadonlySet<string> = new Set(["HeadMismatch", "RecordNotFound"])

/** Returns a logger that notes defects: a background fibre of the library that dies logs it. */
export const listening = (findings: Findings) =>
  Logger.make(({ cause, message }) => {
    const text = [message].flat().map(String).join(" ")
    const blame = Cause.hasDies(cause) ? Cause.pretty(cause) : blameMessage(text.slice(0, 900))
    if (blame !== undefined) findings.blames.push(`in the background: ${text.slice(0, 300)} ${blame.slice(0, 1200)}`)
  })

/** Asks questions of an input; `random` decides how many. */
export interface Asker {
  readonly ask: Ask
  readonly findings: Findings
  readonly random: Random
  /** Asks with a probability of `share`: there are enough inputs for each question to be asked often. */
  readonly sometimes: <A>(
    share: number,
    name: string,
    effect: Effect.Effect<A, unknown>
  ) => Effect.Effect<A | undefined>
  /** Names of changed tapes and files at the top of the lib. */
  readonly touched: ReadonlySet<string>
}

export const askerOf = (findings: Findings, session: string, random: Random, touched: ReadonlySet<string>): Asker => {
  const ask = asking(findings, session)
  const sometimes: Asker["sometimes"] = (share, name, effect) =>
    random.next() < share ? ask(name, effect) : Effect.succeed(undefined)
  return { ask, findings, random, sometimes, touched }
}

/** Number of tapes that are read: a hostile list may be long. */
const tapesMax = 8

/** Returns changed tapes and one other tape. */
export const tapesOf = ({ random, touched }: Asker, lib: Lib.Lib["Service"]) =>
  Effect.map(lib.tapes, (tapes) => {
    const wanted = tapes.filter(({ name }) => touched.has(name)).slice(0, tapesMax)
    const other = random.pick(tapes)
    return other === undefined || wanted.includes(other) ? wanted : [...wanted, other]
  })

export const openTape = ({ ask }: Asker, lib: Lib.Lib["Service"], name: string) =>
  ask(`Tape.make ${name.slice(0, 40)}`, Effect.provideService(Tape.make(name), Lib.Lib, lib))
