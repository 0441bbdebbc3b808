/**
 * One reader refreshes and reads all the time, and another one has subscriptions, while writers in other processes open, append, repack, close, and are
 * killed one after the other. It must never fail, go back, or miss an event that was acknowledged before its refresh.
 */
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import { startChild, until, warmUp, withScratch } from "../../support/children.ts"
import type { Campaign, Options, Result } from "../campaign.ts"
import { makeRandom, seedOf } from "../random.ts"
import { Followers } from "./followers.ts"
import { look, nothingSeen } from "./reader.ts"

const writer = new URL("writer.ts", import.meta.url)

/** What the writers of one lib reported. */
class Writers {
  kills = 0
  repacks = 0
  acknowledgements = 0
  readonly acknowledged = new Map<string, number>()

  readonly hear = (line: string): void => {
    const [word, stream, revision] = line.split(" ")
    if (word === "repack") this.repacks += 1
    if (word !== "ack") return
    this.acknowledgements += 1
    this.acknowledged.set(stream!, Number(revision))
  }

  /**
   * Starts a writer, kills it at most half a second after it began to open the lib or acknowledged its first append, and
   * starts the next, until `isOver`.
   */
  async run(scratch: string, location: string, seed: number, isOver: () => boolean): Promise<void> {
    const random = makeRandom(seed)
    while (!isOver()) {
      const awaited = random.pick(["opening", "ack"])
      let working = false
      const onLine = (line: string): void => {
        working ||= line.startsWith(awaited)
        this.hear(line)
      }
      const child = startChild({ script: writer, args: [location, `${seedOf(seed, this.kills)}`], scratch, onLine })
      let ended = false
      void child.ended.then(() => (ended = true))
      await until(`the writer says ${awaited}`, () => working || ended)
      await sleep(random.next() ** 2 * 500)
      if (ended) throw new Error(`the writer ended by itself: ${child.complaints()}`)
      child.send("SIGKILL")
      await child.ended
      this.kills += 1
    }
  }
}

interface Watched {
  readonly looks: number
  /** Number of events that were followed. */
  readonly followed: number
}

/**
 * Looks until `isOver`, and reads everything at every twentieth look, while others follow. Once the writers have ended,
 * those must have seen everything too.
 */
const watch = (
  location: string,
  writers: Writers,
  isOver: () => boolean,
  writing: Promise<void>
): Effect.Effect<Watched, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* EventStore.open(location, { mode: "read" })
      const view = nothingSeen()
      const followers = new Followers(yield* EventStore.open(location, { mode: "read" }))
      yield* followers.start
      let looks = 0
      while (!isOver()) {
        yield* look(store, view, writers.acknowledged, looks % 20 === 0)
        looks += 1
        // Lines of the writer are heard meanwhile.
        yield* Effect.sleep(0)
        yield* followers.check
      }
      yield* Effect.promise(() => writing)
      yield* followers.finish(writers.acknowledged)
      return { looks, followed: followers.followed }
    })
  ).pipe(Effect.provide(NodeStorage.layer))

/** Fewer kills show too little. */
const killsMin = 5

const run = ({ log, seed, size }: Options): Promise<Result> =>
  withScratch("disk", async (scratch) => {
    await warmUp(writer, scratch)
    const location = path.join(scratch, "lib")
    const millis = size === "ordinary" ? 12_000 : 240_000
    const [end, latest] = [performance.now() + millis, performance.now() + 10 * millis]
    const failures: Array<string> = []
    const writers = new Writers()
    let looks = 0
    // On a slow machine it takes longer, until enough has happened.
    const isOver = (): boolean => {
      const now = performance.now()
      const isEnough = writers.kills >= killsMin && writers.repacks > 0
      return failures.length > 0 || now > latest || (now > end && isEnough)
    }
    const fail = (error: unknown): void => {
      failures.push(`seed ${seed}, look ${looks}: ${error instanceof Error ? error.stack : String(error)}`)
    }
    const writing = writers.run(scratch, location, seed, isOver).catch(fail)
    await until("an acknowledgement", () => writers.acknowledgements > 0 || isOver())
    const nothing: Watched = { looks: 0, followed: 0 }
    const watched = await Effect.runPromise(watch(location, writers, isOver, writing)).catch(
      (error: unknown) => (fail(error), nothing)
    )
    await writing
    looks = watched.looks
    const { acknowledgements, kills, repacks } = writers
    if (failures.length === 0 && (kills < killsMin || repacks === 0 || looks < 20 || watched.followed === 0)) {
      failures.push(`too little happened: ${kills} kills, ${repacks} repacks, ${looks} looks`)
    }
    const figure = `${looks} refreshes, and ${watched.followed} events followed, while ${kills} writers were killed, ${acknowledgements} appends and ${repacks} repacks`
    log(figure)
    return { counts: { kills, violations: failures.length }, failures, figures: [figure] }
  })

export const campaign: Campaign = {
  name: "readers",
  shows: "A long-lived reader never fails, goes back or misses what was acknowledged, whatever happens to the writers.",
  waits: true,
  run
}
