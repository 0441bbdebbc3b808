/** Returns the last revision of a stream. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { checkStreamName, type InvalidStreamName } from "../../domain/format/Placement.ts"
import { attempt } from "../base/attempt.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { eventsLost } from "./eventsLost.ts"
import { findEventTape } from "./EventTape.ts"
import { endOfStream } from "./StreamLoad.ts"
import { readStream, type StreamReadError } from "./StreamReader.ts"

/** Returns the last durable revision of a stream, or `no-stream`. */
export const revisionOf = (lib: LibHandle, stream: string): Effect.Effect<number | "no-stream", StreamReadError> =>
  Effect.gen(function* () {
    yield* lib.guard.checkOpen
    yield* attempt<string, InvalidStreamName>(() => checkStreamName(stream))
    if (lib.root.mode === "read") {
      // The files may hold more than this reader may show, so the last event that it shows decides.
      const last = yield* Stream.runHead(readStream(lib, stream, { direction: "backward", limit: 1 }))
      return Option.isSome(last) ? last.value.revision : "no-stream"
    }
    const tape = yield* findEventTape(lib, stream)
    if (tape === undefined) return "no-stream"
    const { doubt, revision } = yield* endOfStream(lib, tape, stream)
    if (doubt !== undefined) return yield* eventsLost(tape.name, stream, doubt)
    return revision === -1 ? "no-stream" : revision
  })
