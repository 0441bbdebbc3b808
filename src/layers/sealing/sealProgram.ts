/** Loaded when a thread is started: the built package holds the whole program of the thread as a text. */
import * as Effect from "effect/Effect"
import { sealWorkerUrl } from "./sealWorkerUrl.ts"

/** Returns where the program of the thread is. */
export const sealProgram = (): Effect.Effect<URL> => Effect.sync(sealWorkerUrl)
