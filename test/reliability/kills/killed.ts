/** Runs a writer in a separate process and kills it. */
import { startChild } from "../../support/children.ts"

export const writer = new URL("writer.ts", import.meta.url)

/** When to kill: `millis` after the `count`-th acknowledgement, repack, clone, opening, beginning or end of a backup. */
export type Moment = {
  readonly word: "ack" | "repack" | "clone" | "opening" | "backing" | "backup"
  readonly count: number
  readonly millis: number
}

export interface Ack {
  readonly lane: number
  readonly seq: number
  /** First ordinal (in a tape) or revision (in a stream) of each part of the batch. */
  readonly firsts: ReadonlyArray<number>
}

export interface Clone {
  readonly name: string
  readonly source: string
}

/** Everything that a writer had acknowledged when it was killed. */
export interface Said {
  readonly acks: ReadonlyArray<Ack>
  readonly clones: ReadonlyArray<Clone>
  readonly repacks: number
  /** Positions of the backups that were done, in order. */
  readonly backups: ReadonlyArray<number>
}

/** Runs a writer, kills it at `moment`, and returns what it had acknowledged. */
export const runAndKill = async (
  scratch: string,
  location: string,
  run: number,
  mode: "append" | "reopen",
  moment: Moment
): Promise<Said> => {
  const acks: Array<Ack> = []
  const clones: Array<Clone> = []
  const backups: Array<number> = []
  let [repacks, heard] = [0, 0]
  let killed = false
  const kill = () => {
    killed = true
    child.send("SIGKILL")
  }
  // Lines that it prints between that moment and its end count too: they are acknowledgements.
  const onLine = (line: string): void => {
    const [word, ...rest] = line.split(" ")
    if (word === "ack") {
      const [lane, seq, ...firsts] = rest.map(Number)
      acks.push({ lane: lane!, seq: seq!, firsts })
    }
    if (word === "clone") clones.push({ name: rest[0]!, source: rest[1]! })
    if (word === "repack") repacks += 1
    if (word === "backup") backups.push(Number(rest[0]))
    if (word !== moment.word) return
    heard += 1
    if (heard !== moment.count) return
    if (moment.millis === 0) kill()
    else setTimeout(kill, moment.millis)
  }
  const child = startChild({ script: writer, args: [location, String(run), mode], scratch, onLine })
  await child.ended
  if (!killed) throw new Error(`the writer ended by itself: ${child.complaints()}`)
  return { acks, backups, clones, repacks }
}
