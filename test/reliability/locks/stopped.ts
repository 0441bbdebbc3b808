/** A writer is stopped by SIGSTOP while another one tries to write: with its lock file in place, and without. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeStorage from "litetapes/NodeStorage"
import { type Child, startChild, until } from "../../support/children.ts"
import { type LibService, openSession, tapeOf, withLib } from "../../support/openLib.ts"
import { findings, type Kept, missing, readTapes } from "../../support/receipts.ts"
import { makeRandom } from "../random.ts"
import { recordsOf, tapeName } from "./numbered.ts"

export interface Stopped {
  readonly acknowledged: number
  /** Tag of the error by which the writer learned that it had lost its lock. */
  readonly met: string
  readonly failures: ReadonlyArray<string>
}

const script = new URL("contender.ts", import.meta.url)

interface Writer {
  readonly child: Child
  readonly acks: Array<Kept>
  readonly met: () => string | undefined
  readonly complaints: () => string
}

const startWriter = (scratch: string, location: string): Writer => {
  const acks: Array<Kept> = []
  let met: string | undefined
  let errors = ""
  const onLine = (line: string) => {
    const [by, word, n, ordinal, batch] = line.split(" ") as [string, string, string, string, string]
    if (word === "stopped") met = n
    if (word === "error") errors += line
    if (word !== "ack") return
    const records = recordsOf(by, Number(n))
    acks.push({ by, tape: tapeName, records, firstOrdinal: Number(ordinal), batch: Number(batch) })
  }
  const child = startChild({ script, args: [location, "first", "stay", "0"], scratch, onLine })
  return { child, acks, met: () => met, complaints: () => `${errors}${child.complaints()}` }
}

/** Stops every thread of a writer. Afterwards none of its code runs until SIGCONT. */
const stop = async ({ child }: Writer): Promise<void> => {
  child.send("SIGSTOP")
  await until("it is stopped", () => /^State:\s+T/m.test(fs.readFileSync(`/proc/${child.pid}/status`, "utf8")))
}

const spin = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Runs one round over a new lib at `location`. */
export const stopOnce = async (scratch: string, location: string, seed: number): Promise<Stopped> => {
  const random = makeRandom(seed)
  const writer = startWriter(scratch, location)
  try {
    const goesOn = async (count: number) => {
      const wanted = writer.acks.length + count
      await until("the writer continues", () => writer.acks.length >= wanted || writer.complaints() !== "")
      await spin(random.next() * 6)
    }
    await goesOn(1 + random.below(10))
    await stop(writer)
    const refused = await asking(location, writer)
    writer.child.send("SIGCONT")
    await goesOn(2 + random.below(30))
    await stop(writer)
    fs.unlinkSync(path.join(location, "litelib.lock"))
    const failures = await takeOver(location, writer, random.below(2) === 0)
    if (writer.complaints() !== "") failures.push(writer.complaints())
    return { acknowledged: writer.acks.length, met: writer.met() ?? "?", failures: [...refused, ...failures] }
  } finally {
    writer.child.send("SIGKILL")
    await writer.child.ended
  }
}

const run = <A>(program: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(program)

/** Checks, while the writer is stopped, that another one is refused and that a reader sees everything acknowledged. */
const asking = async (location: string, { acks }: Writer): Promise<Array<string>> => {
  const storage = await run(NodeStorage.make)
  const told = [...acks]
  const answer = await run(
    withLib(storage, location, () => Effect.succeed("opened")).pipe(Effect.catch((error) => Effect.succeed(error._tag)))
  )
  const seen = await run(withLib(storage, location, readTapes, { mode: "read" }))
  const wrong = missing(seen, told).map((text) => `a reader while the writer is stopped: ${text}`)
  if (answer !== "LibLocked") wrong.push(`another writer was not refused with LibLocked, but: ${answer}`)
  return wrong
}

/**
 * After the lock file was unlinked, lets another writer take over, then continues the first, which must damage nothing.
 */
const takeOver = async (location: string, writer: Writer, closesFirst: boolean): Promise<Array<string>> => {
  const storage = await run(NodeStorage.make)
  const told = [...writer.acks]
  const kept: Array<Kept> = []
  const second = await run(openSession(storage, location, { closeBytes: 4096, backlogMax: 2 }))
  const wrong = missing(await run(readTapes(second.lib)), told).map((text) => `directly after the takeover: ${text}`)
  await run(work(second.lib, kept))
  if (closesFirst) await run(second.close)

  writer.child.send("SIGCONT")
  await until("the first writer notices", () => writer.met() !== undefined || writer.complaints() !== "")
  await writer.child.ended
  const met = writer.met() ?? ""
  if (!["CommitOutcomeUnknown", "WriterPoisoned"].includes(met))
    wrong.push(`the first writer must be poisoned, but got ${met}`)

  if (!closesFirst) {
    await run(work(second.lib, kept))
    await run(second.close)
  }
  const last = withLib(storage, location, (lib) =>
    Effect.gen(function* () {
      wrong.push(...missing(yield* readTapes(lib), [...writer.acks, ...kept]), ...(yield* findings(lib)))
      yield* (yield* tapeOf(lib, tapeName)).append([{ last: true }])
    })
  )
  await run(last)
  return wrong
}

/** The work of the second writer: it appends, flushes and repacks, and so uses the numbers that the first one would. */
const work = Effect.fnUntraced(function* (lib: LibService, kept: Array<Kept>) {
  const tape = yield* tapeOf(lib, tapeName)
  for (let n = 0; n < 8; n++) {
    const records = recordsOf("second", n)
    const { firstOrdinal, batch } = yield* tape.append(records)
    kept.push({ by: "second", tape: tapeName, records, firstOrdinal, batch })
    if (n % 3 === 2) yield* tape.appendSegment
    if (n === 6) yield* tape.repack({ targetBytes: 2000 })
  }
})
