/**
 * Takes the lock at the path in its argument, reports `held` or the error code, and holds the lock until it is killed.
 */
import * as Effect from "effect/Effect"
import * as NodeDisk from "../../../src/layers/NodeDisk.ts"

const program = NodeDisk.make.lock(process.argv[2]!).pipe(
  Effect.matchEffect({
    onFailure: (error) => Effect.sync(() => process.stdout.write(`${error.code}\n`)),
    onSuccess: () => {
      // Nothing else refers to the fibre that holds it.
      setImmediate(() => {
        globalThis.gc!()
        process.stdout.write("held\n")
      })
      // A pending callback alone does not keep a process alive.
      setInterval(() => undefined, 60_000)
      return Effect.never
    }
  }),
  Effect.scoped
)

await Effect.runPromise(program)
