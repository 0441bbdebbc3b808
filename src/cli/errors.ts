/** Errors of the command line itself. */
import * as Data from "effect/Data"

/** Nobody reads the output any more, such as after `head -1`. The command ends quietly. */
export class OutputClosed extends Data.TaggedError("OutputClosed")<{}> {}

/** The command cannot be carried out as it was given. */
export class Usage extends Data.TaggedError("Usage")<{ readonly message: string }> {}

/** The answer is no: something differs, is damaged or is not there. Everything that is to be said was printed. */
export class AnswerIsNo extends Data.TaggedError("AnswerIsNo")<{}> {}

/** The answer is no, for a reason that is printed as the command's error. */
export class Failed extends Data.TaggedError("Failed")<{ readonly message: string }> {}
