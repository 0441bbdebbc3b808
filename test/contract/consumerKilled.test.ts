/** A consumer in a process of its own, which is killed again and again while events are appended. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeStorage from "litetapes/NodeStorage"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe } from "vitest"
import { openSession, storeOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newFolder = temporaryFolder()
const script = fileURLToPath(new URL("../support/programs/consume.ts", import.meta.url))

/** Runs the consumer until it ends, or is killed after so many events. Returns what it handled. */
const consume = async (
  args: ReadonlyArray<string>,
  killAfter: number
): Promise<ReadonlyArray<readonly [number, string]>> => {
  const child = spawn(process.execPath, ["--conditions=litetapes-source", script, ...args], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const gone = once(child, "exit")
  const handled: Array<readonly [number, string]> = []
  for await (const line of createInterface({ input: child.stdout })) {
    const [position, stream] = line.split(" ")
    handled.push([Number(position), stream!])
    if (handled.length === killAfter) child.kill("SIGKILL")
  }
  const [code, signal] = (await gone) as [number | null, string | null]
  assert.deepStrictEqual([code, signal], handled.length >= killAfter ? [null, "SIGKILL"] : [0, null])
  return handled
}

describe("a consumer that is killed", () => {
  it.live("leaves out no event and keeps the order of each stream", () =>
    Effect.gen(function* () {
      const folder = newFolder()
      const { close, lib } = yield* openSession(yield* NodeStorage.make, path.join(folder, "lib"))
      const store = yield* storeOf(lib)
      const places = [path.join(folder, "lib"), path.join(folder, "checkpoints")]
      const runs: Array<ReadonlyArray<readonly [number, string]>> = []
      for (const killAfter of [1, 7, 12, Number.POSITIVE_INFINITY]) {
        for (let n = 0; n < 20; n++) yield* store.append(`order-${n % 5}`, [{ type: "Made", data: {} }])
        // One that is to be killed does not end by itself.
        const last = Number.isFinite(killAfter) ? 1_000_000 : (yield* store.position) - 1
        runs.push(yield* Effect.promise(() => consume([...places, String(last)], killAfter)))
      }
      const again = yield* Effect.promise(() => consume([...places, "79"], Number.POSITIVE_INFINITY))
      yield* close
      const all = runs.flat()
      assert.deepStrictEqual(
        [...new Set(all.map(([position]) => position))].toSorted((a, b) => a - b),
        [...Array(80).keys()]
      )
      for (const run of runs) {
        for (let n = 0; n < 5; n++) {
          const positions = run.filter(([, stream]) => stream === `order-${n}`).map(([position]) => position)
          assert.deepStrictEqual(
            positions,
            positions.toSorted((a, b) => a - b)
          )
        }
      }
      // The last run ended by itself, so its checkpoint has everything.
      assert.deepStrictEqual(again, [])
    })
  )
})
