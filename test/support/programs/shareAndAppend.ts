/**
 * Shares the lib at its second argument, appends as many times as its third one says under the name at its first one, and
 * reports each append that was acknowledged. Then it stays until it is killed. With a fourth argument it forks another such
 * process of that name once it has the lib open.
 */
import * as Effect from "effect/Effect"
import * as NodeStorage from "litetapes/NodeStorage"
import * as SharedStore from "litetapes/SharedStore"
import { fork } from "node:child_process"
import { say } from "../children.ts"

const [name, folder, times, forked] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const store = yield* SharedStore.open(folder!)
  if (forked !== undefined) {
    const stdio = ["ignore", "ignore", "inherit", 3, "ipc"] as const
    fork(import.meta.filename, [forked, folder!, times!], { stdio: [...stdio] }).unref()
  }
  let mode = ""
  const sayMode = Effect.sync(() => {
    if (store.lib.mode === mode) return
    mode = store.lib.mode
    say(JSON.stringify({ name, mode, pid: process.pid }))
  })
  const appendOne = (n: number, expected: number) =>
    Effect.gen(function* () {
      const event = { type: "Counted", data: { name, n } }
      // One stream of its own, at an expected revision, and one that all of them share.
      const appends = [
        { stream: `own-${name}`, events: [event], expected: n === 0 ? ("no-stream" as const) : expected },
        { stream: "shared-1", events: [event] }
      ]
      const [own, shared] = yield* store.appendAll(appends)
      say(JSON.stringify({ name, n, own: own!.firstPosition, shared: shared!.firstPosition }))
      return own!.lastRevision
    })
  let expected = -1
  for (let n = 0; n < Number(times); n++) {
    yield* sayMode
    expected = yield* appendOne(n, expected)
  }
  say(JSON.stringify({ name, done: true }))
  yield* Effect.forever(Effect.andThen(Effect.sleep(2), sayMode))
}).pipe(Effect.scoped, Effect.provide(NodeStorage.layer))

if (folder !== undefined) await Effect.runPromise(program)
