/** Opens a tape for callers without Effect. */
import * as Effect from "effect/Effect"
import { anything, type Checks } from "../../domain/format/checkOptions.ts"
import { aHead } from "../../domain/merkle/headCheck.ts"
import type { Head } from "../../domain/merkle/Proof.ts"
import { checkOptions } from "../../services/base/checkCall.ts"
import type { EventStore } from "../../services/EventStore.ts"
import type * as Lib from "../../services/Lib.ts"
import * as Tape from "../../services/Tape.ts"
import type { CallOptions } from "./CallOptions.ts"
import { makeTape } from "./PromiseTape.ts"
import type { Runs } from "./Runs.ts"

/** How to open a tape. */
export interface TapeOptions extends CallOptions {
  /**
   * A head that you kept. Rejects with `HeadMismatch` unless the tape still starts with exactly its records. An explicit
   * `undefined` is refused: it would turn the check off.
   */
  readonly expected?: Head
}

const tapeChecks = { expected: aHead, signal: anything } satisfies Checks<TapeOptions>

/** Returns the tape of this name, which a writer creates if it does not exist. Fails unless it begins with `expected`. */
export const openTape = (runs: Runs<EventStore | Lib.Lib>, name: string, options: TapeOptions | undefined) =>
  Effect.gen(function* () {
    yield* checkOptions("PromiseStore.tape", options, tapeChecks)
    const tape = yield* Tape.makeOrCreate(name)
    if (options?.expected !== undefined) yield* tape.checkHead(options.expected)
    return makeTape(runs, tape)
  })
