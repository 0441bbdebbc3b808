/** Errors of the command line itself. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/**
 * Nothing more can be printed. If nobody reads the output any more, such as after `head -1`, the command ends quietly;
 * otherwise `failure` of `Output` says why.
 */
export class OutputClosed extends Data.TaggedError("OutputClosed")<{}> {}

/** The command cannot be carried out as it was given. */
export class Usage extends Data.TaggedError("Usage")<{ readonly message: string }> {}

/** The answer is no: something differs, is damaged or is not there. Everything that is to be said was printed. */
export class AnswerIsNo extends Data.TaggedError("AnswerIsNo")<{}> {}

/** Prints why the answer is no. The answer stays the same if that cannot be printed. */
export const answerNo = <R>(printed: Effect.Effect<void, OutputClosed, R>): Effect.Effect<never, AnswerIsNo, R> =>
  Effect.andThen(Effect.ignore(printed), Effect.fail(new AnswerIsNo()))

/** The answer is no, for a reason that is printed as the command's error. */
export class Failed extends Data.TaggedError("Failed")<{
  readonly message: string
  /** Which command leads out. */
  readonly way?: string
}> {}

const losses: ReadonlySet<string> = new Set(["EventsLost", "PositionGap", "RecordsLost"])

/** Returns whether a read failed because events or records are lost. */
export const isLoss = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && losses.has(String(error._tag))
