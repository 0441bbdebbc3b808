/** Standard input. */
import * as Effect from "effect/Effect"
import { Output } from "./Output.ts"

/** Returns all of standard input. */
export const allText = Effect.flatMap(Output, ({ lines }) =>
  Effect.promise(async () => {
    const all: Array<string> = []
    for await (const line of lines()) all.push(line)
    return all.join("\n")
  })
)
