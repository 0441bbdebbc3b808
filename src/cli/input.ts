/** Standard input. */
import * as Effect from "effect/Effect"
import { Usage } from "./errors.ts"
import { Output } from "./Output.ts"

/** Returns all of standard input. */
export const allText = Effect.flatMap(Output, ({ lines }) =>
  Effect.tryPromise({
    try: async () => {
      const all: Array<string> = []
      for await (const line of lines()) all.push(line)
      return all.join("\n")
    },
    catch: (error) => (error instanceof Usage ? error : new Usage({ message: "standard input cannot be read." }))
  })
)
