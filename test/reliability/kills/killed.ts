/** Runs a writer in a separate process and kills it. */
import { type Child, startChild } from "../../support/children.ts"

export const writer = new URL("writer.ts", import.meta.url)

/** What a writer does besides appending: see `writer.ts`. */
export type Mode = "append" | "reopen" | "dropped"

/** When to kill: `millis` after the `count`-th acknowledgement, repack, clone, opening, start or end of a backup. */
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
  /** It was overtaken by the writer of this run, which opened the lib while it had lost its lock. */
  readonly overtakenBy?: number
}

/** A writer's process. */
interface Running {
  readonly child: Child
  /** Lines that it prints between the kill and its end count too: they are acknowledgements. */
  readonly said: () => Said
}

/** A lib, and where its writers' compiled code is kept. */
export interface Where {
  readonly scratch: string
  readonly location: string
}

const start = ({ location, scratch }: Where, run: number, mode: Mode, onWord: (word: string) => void): Running => {
  const acks: Array<Ack> = []
  const clones: Array<Clone> = []
  const backups: Array<number> = []
  let repacks = 0
  const onLine = (line: string): void => {
    const [word, ...rest] = line.split(" ")
    if (word === "ack") {
      const [lane, seq, ...firsts] = rest.map(Number)
      acks.push({ lane: lane!, seq: seq!, firsts })
    }
    if (word === "clone") clones.push({ name: rest[0]!, source: rest[1]! })
    if (word === "repack") repacks += 1
    if (word === "backup") backups.push(Number(rest[0]))
    onWord(word!)
  }
  const child = startChild({ script: writer, args: [location, String(run), mode], scratch, onLine })
  return { child, said: () => ({ acks, clones, repacks, backups }) }
}

/** Calls `then` at a moment. */
const at = (moment: Moment, then: () => void): ((word: string) => void) => {
  let heard = 0
  return (word) => {
    if (word !== moment.word) return
    heard += 1
    if (heard !== moment.count) return
    if (moment.millis === 0) then()
    else setTimeout(then, moment.millis)
  }
}

/** Runs a writer, kills it at `moment`, and returns what it had acknowledged. */
export const runAndKill = async (where: Where, run: number, mode: Mode, moment: Moment): Promise<Said> => {
  let killed = false
  const kill = () => {
    killed = true
    running.child.send("SIGKILL")
  }
  const running = start(where, run, mode, at(moment, kill))
  await running.child.ended
  if (!killed) throw new Error(`the writer ended by itself: ${running.child.complaints()}`)
  return running.said()
}

/**
 * Runs a writer that loses its lock, and while it continues, a second one, which is killed at `moment`. The first one has
 * to stop by itself: it is not killed, and returns only because it noticed.
 */
export const runAndOvertake = async (
  where: Where,
  run: number,
  next: number,
  moment: Moment
): Promise<ReadonlyMap<number, Said>> => {
  let onDropped = (): void => undefined
  const dropped = new Promise<void>((resolve) => (onDropped = resolve))
  const first = start(where, run, "dropped", (word) => word === "dropped" && onDropped())
  await Promise.race([dropped, first.child.ended])
  const second = await overtaking(where, next, moment)
  const { signal } = await first.child.ended
  if (signal !== null) throw new Error(`the writer that lost its lock ended with ${signal}`)
  return new Map([
    [run, { ...first.said(), overtakenBy: next }],
    [next, second]
  ])
}

/**
 * Runs a writer that opens the lib of another one. It tries again while the kernel still has the lock of the other, which
 * takes it again when it changes its dynamic segment.
 */
const overtaking = async (where: Where, run: number, moment: Moment): Promise<Said> => {
  for (let attempt = 1; ; attempt++) {
    let killed = false
    const kill = () => {
      killed = true
      running.child.send("SIGKILL")
    }
    const running = start(where, run, "append", at(moment, kill))
    await running.child.ended
    if (killed) return running.said()
    if (running.said().acks.length > 0 || attempt === attemptsMax || !/LibLocked/.test(running.child.complaints()))
      throw new Error(`the writer that overtook another ended by itself: ${running.child.complaints()}`)
  }
}

const attemptsMax = 50
