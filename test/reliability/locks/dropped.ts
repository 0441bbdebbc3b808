/**
 * Processes that share a lib although it has one writer: each drops its lock again and again, as a program does that
 * reads the folder, and some are killed. So writers are overtaken while they append, flush, repack, open and close.
 * Everything that any of them acknowledged is there, once, whole and in its order.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as NodeStorage from "litetapes/NodeStorage"
import { type Child, startChild, until } from "../../support/children.ts"
import { tapeOf, withLib } from "../../support/openLib.ts"
import { findings, type Kept, missing, readTapes } from "../../support/receipts.ts"
import { makeRandom } from "../random.ts"
import { recordsOf, tapeName } from "./numbered.ts"

export interface Dropped {
  readonly acknowledged: number
  /** How often a writer learned that it had been overtaken. */
  readonly stopped: number
  readonly kills: number
  /** Broken promises, in words. */
  readonly failures: ReadonlyArray<string>
}

const script = new URL("contender.ts", import.meta.url)

/** Lets `processes` processes write to a new lib at `location`; `kills` times one is killed and another one started. */
export const dropLocks = async (
  scratch: string,
  location: string,
  processes: number,
  kills: number,
  seed: number
): Promise<Dropped> => {
  const random = makeRandom(seed)
  const acks: Array<Kept> = []
  const failures: Array<string> = []
  const alive = new Map<string, Child>()
  const ended: Array<Promise<unknown>> = []
  let stopped = 0
  const onLine = (line: string) => {
    const [by, word, n, ordinal, batch] = line.split(" ") as [string, string, string, string, string]
    if (word === "stopped") stopped += 1
    if (word === "error") failures.push(line)
    if (word !== "ack") return
    const records = recordsOf(by, Number(n))
    acks.push({ by, tape: tapeName, records, firstOrdinal: Number(ordinal), batch: Number(batch) })
  }
  const start = (name: string) => {
    const child = startChild({ script, args: [location, name, "drop", `${random.below(5)}`], scratch, onLine })
    alive.set(name, child)
    ended.push(child.ended)
  }
  try {
    for (let n = 0; n < processes; n++) start(`d${n}`)
    for (let killed = 0; killed <= kills; killed++) {
      const [wanted, wantedStops] = [acks.length + 20, stopped + 2]
      await until("they continue", () => (acks.length >= wanted && stopped >= wantedStops) || failures.length > 0)
      const [name, victim] = random.pick([...alive])
      victim.send("SIGKILL")
      await victim.ended
      alive.delete(name)
      if (killed < kills) start(`e${killed}`)
    }
  } finally {
    for (const child of alive.values()) child.send("SIGKILL")
    await Promise.all(ended)
  }
  failures.push(...(await check(location, acks)))
  return { acknowledged: acks.length, stopped, kills: ended.length, failures }
}

type Numbered = ReturnType<typeof recordsOf>[number]

const check = async (location: string, acks: ReadonlyArray<Kept>): Promise<ReadonlyArray<string>> => {
  if (!fs.existsSync(location)) return ["there is no lib"]
  const storage = await Effect.runPromise(NodeStorage.make)
  const program = withLib(storage, location, (lib) =>
    Effect.gen(function* () {
      const found = yield* readTapes(lib)
      const wrong = [...missing(found, acks), ...(yield* findings(lib))]
      wrong.push(...repeats(found.get(tapeName)! as ReadonlyArray<Numbered>))
      yield* (yield* tapeOf(lib, tapeName)).append([{ last: true }])
      return wrong
    })
  )
  return Effect.runPromise(Effect.catchCause(program, (cause) => Effect.succeed([`${cause}`])))
}

/** Returns batches that are there twice, not whole, or out of order. An unknown outcome may be there, or not. */
const repeats = (found: ReadonlyArray<Numbered>): Array<string> => {
  const wrong: Array<string> = []
  const last = new Map<string, number>()
  for (let at = 0; at < found.length;) {
    const { by, n } = found[at]!
    const batch = recordsOf(by, n)
    const isWhole = batch.every(({ i }) => found[at + i]?.by === by && found[at + i]?.n === n && found[at + i]?.i === i)
    if (!isWhole || n <= (last.get(by) ?? -1)) wrong.push(`record ${at}: batch ${n} of ${by} is torn or out of order`)
    last.set(by, n)
    at += batch.length
  }
  return wrong
}
