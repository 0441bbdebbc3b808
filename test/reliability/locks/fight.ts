/** Two to eight processes fight for one lib, and some are killed. The result is one chain of acknowledged batches. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as NodeStorage from "litetapes/NodeStorage"
import { type Child, startChild, until } from "../../support/children.ts"
import { tapeOf, withLib } from "../../support/openLib.ts"
import { findings, type Kept, missing, readTapes } from "../../support/receipts.ts"
import { makeRandom } from "../random.ts"
import { recordsOf, tapeName } from "./numbered.ts"

export interface Fight {
  readonly acknowledged: number
  readonly refused: number
  readonly taken: number
  readonly kills: number
  /** Broken promises, in words. */
  readonly failures: ReadonlyArray<string>
}

const script = new URL("contender.ts", import.meta.url)

/**
 * Lets `processes` processes fight for a new lib at `location`; `kills` times one is killed and another one started.
 */
export const fight = async (
  scratch: string,
  location: string,
  processes: number,
  kills: number,
  seed: number
): Promise<Fight> => {
  const random = makeRandom(seed)
  const logFile = `${location}.said`
  // One file for all of them, so that the kernel orders their lines.
  const log = fs.openSync(logFile, "a")
  const alive = new Map<string, Child>()
  const everyone: Array<Promise<unknown>> = []
  const complaints: Array<string> = []
  let born = 0
  const bury = async (name: string, child: Child) => {
    const { signal } = await child.ended
    alive.delete(name)
    if (signal !== "SIGKILL") complaints.push(`${name} ended by itself: ${child.complaints()}`)
  }
  const start = () => {
    const name = `c${(born += 1)}`
    const child = startChild({
      script,
      args: [location, name, "fight", `${random.below(100)}`],
      scratch,
      log
    })
    alive.set(name, child)
    everyone.push(bury(name, child))
  }
  try {
    for (let i = 0; i < processes; i++) start()
    for (let killed = 0; killed < kills && complaints.length === 0; killed++) {
      const said = fs.fstatSync(log).size + 1 + random.below(30 * processes) ** 2 / processes
      await until("they continue", () => fs.fstatSync(log).size >= said || complaints.length > 0)
      const victims = [...alive.values()]
      if (victims.length > 0) random.pick(victims).send("SIGKILL")
      start()
    }
  } finally {
    for (const child of alive.values()) child.send("SIGKILL")
    await Promise.all(everyone)
    fs.closeSync(log)
  }
  const said = readLog(fs.readFileSync(logFile, "utf8"))
  const failures = [...complaints, ...said.wrong, ...(await check(location, said))]
  const { acks, refused, taken } = said
  return { acknowledged: acks.length, refused, taken, kills: born, failures }
}

interface Said {
  readonly acks: ReadonlyArray<Kept>
  readonly refused: number
  readonly taken: number
  readonly wrong: ReadonlyArray<string>
}

/** Reads the lines of all contenders in order, and checks that only the one that has the lib open acknowledges. */
const readLog = (text: string): Said => {
  const acks: Array<Kept> = []
  const wrong: Array<string> = []
  const gone = new Set<string>()
  let holder: string | undefined
  let [refused, taken] = [0, 0]
  for (const line of text.split("\n").slice(0, -1)) {
    const [by, word, n, ordinal, batch] = line.split(" ") as [string, string, string, string, string]
    if (gone.has(by)) wrong.push(`${line}, although another one was in after it`)
    if (word === "locked") refused += 1
    else if (word === "in") {
      taken += 1
      // The holder was killed while it was in: it must print nothing more.
      if (holder !== undefined) gone.add(holder)
      holder = by
    } else if (word === "out") {
      if (holder !== by) wrong.push(`${line}, although ${holder} was in`)
      holder = undefined
    } else if (word === "ack") {
      if (holder !== by) wrong.push(`${line}, although ${holder} was in`)
      const kept = { by, tape: tapeName, firstOrdinal: Number(ordinal), batch: Number(batch) }
      const last = acks.at(-1)
      if (
        last !== undefined &&
        (kept.batch <= last.batch || kept.firstOrdinal < last.firstOrdinal + last.records.length)
      )
        wrong.push(`${line} does not follow batch ${last.batch}`)
      acks.push({ ...kept, records: recordsOf(by, Number(n)) })
    } else wrong.push(line)
  }
  return { acks, refused, taken, wrong }
}

/** Checks that every acknowledged batch is there, and at most one more of each killed contender. */
const check = async (location: string, { acks }: Said): Promise<ReadonlyArray<string>> => {
  const storage = await Effect.runPromise(NodeStorage.make)
  const program = withLib(storage, location, (lib) =>
    Effect.gen(function* () {
      const tape = yield* tapeOf(lib, tapeName)
      const found = yield* readTapes(lib)
      const wrong = missing(found, acks)
      wrong.push(...strays(found.get(tapeName)! as ReadonlyArray<Numbered>, acks), ...(yield* findings(lib)))
      yield* tape.append([{ last: true }])
      return wrong
    })
  )
  return Effect.runPromise(Effect.catchCause(program, (cause) => Effect.succeed([`${cause}`])))
}

type Numbered = ReturnType<typeof recordsOf>[number]

/** Returns what must not be there: incomplete batches, repeats, more than one unacknowledged batch of a contender. */
const strays = (found: ReadonlyArray<Numbered>, acks: ReadonlyArray<Kept>): Array<string> => {
  const wrong: Array<string> = []
  const acknowledged = new Map<string, number>()
  for (const { by } of acks) acknowledged.set(by, (acknowledged.get(by) ?? 0) + 1)
  const seen = new Map<string, number>()
  for (let at = 0; at < found.length;) {
    const { by, n } = found[at]!
    const batch = recordsOf(by, n)
    const next = seen.get(by) ?? 0
    const isWhole = batch.every(({ i }) => found[at + i]?.by === by && found[at + i]?.n === n && found[at + i]?.i === i)
    if (n !== next || !isWhole)
      wrong.push(`record ${at} begins batch ${n} of ${by}, expected the whole of batch ${next}`)
    seen.set(by, n + 1)
    at += batch.length
  }
  for (const [by, count] of seen) {
    const known = acknowledged.get(by) ?? 0
    if (count > known + 1) wrong.push(`${count} batches of ${by} are there, ${known} were acknowledged`)
  }
  return wrong
}
