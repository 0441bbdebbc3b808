/**
 * Does steps of the script in a lib: `program.ts LOCATION FROM TO [die]`, from step `FROM` to the one before `TO`.
 * Prints `begin`, then the number of each step once it is done. With `die` it kills itself at the end.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import type * as Tape from "litetapes/Tape"
import { say } from "../../support/children.ts"
import { existingTape, type LibService } from "../../support/openLib.ts"
import { closeBytes, eventOf, recordsOf, revisionIn, script, type Step, worldAfter } from "./script.ts"

const [location, from, to, end] = process.argv.slice(2)

interface Open {
  readonly lib: LibService
  readonly store: EventStore.EventStore["Service"]
  readonly close: Effect.Effect<void>
}

const open = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const lib = yield* Scope.provide(Lib.open(location!, { closeBytes, backlogMax: 4 }), scope)
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  // Closing the scope alone would hide an error of the close.
  return { lib, store, close: Effect.andThen(Effect.orDie(lib.close), Scope.close(scope, Exit.void)) } satisfies Open
})

const on = (lib: LibService, name: string, use: (tape: Tape.Tape["Service"]) => Effect.Effect<unknown, unknown>) =>
  Effect.flatMap(existingTape(lib, name), use)

const perform = (opened: Open, step: Step, index: number): Effect.Effect<unknown, unknown> => {
  const { lib, store } = opened
  switch (step.kind) {
    case "open":
      return Effect.void
    case "close":
      return opened.close
    case "create":
      return lib.createTape(step.tape)
    case "archive":
      return lib.archive(step.tape)
    case "activate":
      return lib.activate(step.tape)
    case "commit": {
      const records = recordsOf(index, step.count, step.chars)
      return lib.commit(step.tapes.map((tape) => ({ tape, records })))
    }
    case "events": {
      const before = worldAfter(index)
      return store.appendAll(
        step.streams.map((stream) => {
          const revision = revisionIn(before, stream)
          const events = Array.from({ length: step.count }, (_, n) => eventOf(index, n))
          return { stream, events, expected: revision === -1 ? "no-stream" : revision }
        })
      )
    }
    case "flush":
      return on(lib, step.tape, (tape) => tape.appendSegment)
    case "repack":
      return on(lib, step.tape, (tape) => tape.repack(step.options))
    case "clone":
      return on(lib, step.tape, (tape) => tape.clone(lib, step.as))
    case "meta":
      return on(lib, step.tape, (tape) =>
        step.value === undefined ? tape.removeUserMeta(step.key) : tape.setUserMeta(step.key, step.value)
      )
  }
}

const all = Effect.gen(function* () {
  let opened: Open | undefined
  for (const [index, step] of script.entries()) {
    if (index < Number(from) || index >= Number(to)) continue
    opened ??= yield* open
    yield* perform(opened, step, index)
    say(`${index}`)
    if (step.kind === "close") opened = undefined
  }
  if (end === "die") process.kill(process.pid, "SIGKILL")
  yield* opened?.close ?? Effect.void
})

if (location !== undefined) {
  say("begin")
  await Effect.runPromise(Effect.provide(all, NodeStorage.layerWith({ syncs: "background" })))
}
