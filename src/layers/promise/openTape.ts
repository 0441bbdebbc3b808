/** Opens a tape for callers without Effect. */
import * as Effect from "effect/Effect"
import type { Head } from "../../domain/merkle/Proof.ts"
import type { EventStore } from "../../services/EventStore.ts"
import type * as Lib from "../../services/Lib.ts"
import * as Tape from "../../services/Tape.ts"
import { makeTape } from "./PromiseTape.ts"
import type { Runs } from "./Runs.ts"

/** Returns the tape of this name, which a writer creates if it does not exist. Fails unless it begins with `expected`. */
export const openTape = (runs: Runs<EventStore | Lib.Lib>, name: string, expected: Head | undefined) =>
  Effect.gen(function* () {
    const tape = yield* Tape.makeOrCreate(name)
    if (expected !== undefined) yield* tape.checkHead(expected)
    return makeTape(runs, tape)
  })
