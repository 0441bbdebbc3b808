/**
 * The log of an agent's session, to copy: one lib for each session, in which each turn of the agent is one command. What
 * `append` has acknowledged survives `kill -9` and a full disk, and nothing is there twice.
 */
import * as PromiseStore from "litetapes/PromiseStore"
import { mkdir, readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

/** Something that happened in a session. `data` is any JSON value of up to 1 MiB: keep larger texts in files. */
export interface Entry {
  readonly type: "UserSaid" | "ModelSaid" | "ToolCalled" | "ToolReturned"
  readonly data: unknown
}

export interface SessionLog extends AsyncDisposable {
  /** Appends the entries of a turn as a whole, once, however often it is called for this turn. Resolves once they are durable. */
  readonly append: (turn: string, entries: ReadonlyArray<Entry>) => Promise<void>
  /** Returns whether the entries of this turn are in the log. Ask it before you call a model or a tool again. */
  readonly has: (turn: string) => Promise<boolean>
  /** Iterates over all entries, to show a session or to continue it. */
  readonly entries: () => AsyncIterable<Entry>
}

const stream = "session"

/** Opens the log of a session in `root`. A second process is refused with `LibLocked` while the first one runs. */
export const open = async (root: string, session: string, options?: PromiseStore.Options): Promise<SessionLog> => {
  if (options?.storage === undefined) await mkdir(root, { recursive: true })
  const store = await PromiseStore.open(join(root, session), options)
  let isOpen = true
  /** Runs a call, and while the disk is in trouble again and again. The first failed write has stopped the writer. */
  const patiently = async <A>(call: () => Promise<A>): Promise<A> => {
    for (let pause = 10; ; pause = Math.min(2 * pause, 1000)) {
      try {
        if (pause > 10) await store.reopen()
        return await call()
      } catch (error) {
        if (!isOpen || !isTrouble(error)) throw error
        if (pause === 10) console.error(`The log of ${session} waits for its disk: ${error.message}`)
        await sleep(pause)
      }
    }
  }
  // One after the other, so that turns keep their order even if a call is not awaited.
  let last: Promise<unknown> = Promise.resolve()
  return {
    append: (turn, entries) => {
      const events = entries.map(({ data, type }) => ({ type, data: clean(data) }))
      // The ids of the events come from the turn, so a repeated append stores nothing twice.
      const appended = last.then(() => patiently(() => store.append(stream, events, { commandId: turn })))
      last = appended.catch(() => undefined)
      return appended.then(() => undefined)
    },
    has: async (turn) => (await patiently(() => store.findCommand(stream, turn))) !== undefined,
    entries: () => store.read(stream) as AsyncIterable<Entry>,
    [Symbol.asyncDispose]: async () => {
      isOpen = false
      await store.close()
    }
  }
}

/** Whether the disk is in trouble and may recover. The first may have been stored all the same; the ids tell. */
const isTrouble = (error: unknown): error is Error =>
  error instanceof Error &&
  "_tag" in error &&
  ["CommitOutcomeUnknown", "WriterPoisoned", "LibClosed", "StorageError"].includes(String(error._tag))

/** Makes JSON of what a tool returned. Half a surrogate pair, where a text was cut, becomes U+FFFD. */
const clean = (data: unknown): unknown =>
  JSON.parse(JSON.stringify(data ?? null), (_, value: unknown) =>
    typeof value === "string" ? value.toWellFormed() : value
  )

/** Returns a name for a new session, which begins with the day. */
export const newSession = (now = new Date()): string => `${now.toISOString().slice(0, 10)}-${crypto.randomUUID()}`

/** Removes the sessions that began before a day such as `2026-11-01`. A lib is a folder, so this is all of it. */
export const removeBefore = async (root: string, day: string): Promise<ReadonlyArray<string>> => {
  const old = (await readdir(root)).filter((session) => session.slice(0, 10) < day)
  for (const session of old) await rm(join(root, session), { recursive: true })
  return old
}
