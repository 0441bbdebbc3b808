/**
 * The check of a disk that a crash left. The lib is opened, compared, appended to and left once more. Then it is opened
 * again and compared with what was found the first time and what was appended.
 */
import * as Effect from "effect/Effect"
import type * as DiskState from "../../../src/testing/DiskState.ts"
import { loseAll } from "../../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import { category } from "./acts.ts"
import { answerOnce } from "./answers.ts"
import { type Point, match, Recorder } from "./run.ts"
import { open, readWorld, recoverLib, type Session, Wrong } from "./session.ts"
import { checkBackups } from "./checkBackups.ts"
import { Pace, raceAll } from "./deciders.ts"
import { queryAll } from "./queries.ts"
import { repeatAll } from "./repeats.ts"
import { afterAct, append, type Expectation, type World } from "./world.ts"

/**
 * How the writer that appends after the crash ends. With `lost` there is a power loss before the append too, after
 * everything was read, and the next writer appends without reading. `blind` is `lost` after yet another writer that
 * opened and closed the lib without reading.
 */
export type Ending = "close" | "kill" | "power" | "lost" | "blind"

export interface Checked {
  /** Points of this check, for crashes during a recovery. */
  readonly points: ReadonlyArray<Point>
  /** Number of times that the lib was opened. */
  readonly opens: number
  /** Number of records that were appended after the crash and found by the last writer. */
  readonly appended: number
}

const none: ReadonlySet<string> = new Set()

/** The tape that is created and appended to if no other tape takes records. */
const late = "late"

/** Appends a record to every tape that takes one, as one batch. Creates a tape if none does. */
const appendOne = Effect.fnUntraced(function* (session: Session, world: World, recorder: Recorder, text: string) {
  let before = world
  let open = [...world].filter(([name, { archived }]) => !archived && name !== category).map(([name]) => name)
  if (open.length === 0) {
    open = [late]
    before = afterAct(world, { _tag: "create", tape: late })
    recorder.expect([world, before])
    yield* session.lib.createTape(late)
  }
  const after = open.reduce((next, name) => append(next, name, [text]), before)
  recorder.expect([before, after])
  yield* session.lib.commit(open.map((tape) => ({ tape, records: [{ t: text }] })))
  recorder.expect([after])
  return { after, records: open.length }
})

/** Opens the lib that a crash left; recovers it first if it lost its meta. */
const openLeft = (disk: Parameters<typeof open>[0], lost: ReadonlySet<string>) =>
  Effect.catch(open(disk), (error) =>
    lost.has("lib") ? Effect.andThen(recoverLib(disk), open(disk)) : Effect.fail(error)
  )

/** Opens and closes the lib without reading, and returns the disk. */
const closeUnread = Effect.fnUntraced(function* (state: DiskState.DiskState, recorder: Recorder) {
  const disk = recorder.disk(state)
  const { lost } = recorder.expectation
  const session = yield* openLeft(disk, lost)
  yield* session.close
  return disk.state()
})

/** Each copy of the lib is whole, or is not a lib; a finished one is whole. Nothing else may be at its place. */
const checkCopies = Effect.fnUntraced(function* (state: DiskState.DiskState, { copies = new Map() }: Expectation) {
  for (const [at, { isWhole, world }] of copies) {
    const opened = yield* Effect.result(open(SimulatedDisk.make({ state }), { mode: "read" }, at))
    if (opened._tag === "Success") {
      match(yield* readWorld(opened.success, none), { allowed: [world], lost: none })
      yield* opened.success.close
    } else if (isWhole || opened.failure._tag !== "LibInvalid") {
      throw new Wrong(`${at} is a copy that ${isWhole ? "was finished" : "is not"}: ${opened.failure.message}`)
    }
  }
})

/** A consumer whose checkpoint a recovery has lost must not begin at the start unnoticed. */
const refuseLost = Effect.fnUntraced(function* ({ store }: Session, world: World) {
  for (const [consumer, done] of Object.entries(world.get(category)?.done ?? {})) {
    if (done !== "lost") continue
    const outcome = yield* Effect.result(store.appendAll([], { checkpoint: { consumer, low: 1 } }))
    const isRefused = outcome._tag === "Failure" && outcome.failure._tag === "CheckpointLost"
    if (!isRefused) throw new Wrong(`the checkpoint of ${consumer} is lost, and nothing says so`)
  }
})

/** What is looked at besides the lib. Each takes about as long as all the rest, or longer. */
export interface Looks {
  /** Whether the lib is verified, and what `isBackedUp` backs up restored to an earlier position. Default: false. */
  readonly isVerified?: boolean
  /** Whether its queries are compared with its events. Default: false. */
  readonly isQueried?: boolean
  /** Whether deciders race in it. Default: false. */
  readonly isRaced?: boolean
  /** Whether it is backed up once more, into the place of its last backup. Default: false. */
  readonly isBackedUp?: boolean
}

/**
 * Fails or throws if a promise is broken: in what the crash left, or in what the last writer finds after the append.
 */
export const check = Effect.fnUntraced(function* (
  state: DiskState.DiskState,
  expectation: Expectation,
  ending: Ending,
  { isBackedUp = false, isQueried = false, isRaced = false, isVerified = false }: Looks
) {
  yield* checkCopies(state, expectation)
  yield* checkBackups(state, expectation, isBackedUp, isVerified)
  const { allowed, copies = new Map(), lost } = expectation
  const recorder = new Recorder({ allowed, copies, lost })
  let opens = ending === "blind" ? 3 : 2
  let disk = recorder.disk(ending === "blind" ? yield* closeUnread(state, recorder) : state)
  let session = yield* openLeft(disk, expectation.lost)
  const found = match(yield* readWorld(session, expectation.lost), expectation)
  recorder.expect([found], none)
  yield* refuseLost(session, found)
  if (ending === "lost" || ending === "blind") {
    recorder.end(disk.state())
    disk = recorder.disk(loseAll(disk.state()))
    session = yield* open(disk)
    opens += 1
  }
  const { after, records } = yield* appendOne(session, found, recorder, `after ${state.boot}`)
  if (ending === "close") yield* session.close
  recorder.end(disk.state())
  const left = ending === "close" || ending === "kill" ? disk.state() : loseAll(disk.state())
  const pace = new Pace()
  const again = yield* open(SimulatedDisk.make({ state: left, turns: pace.turns }))
  match(yield* readWorld(again, none), { allowed: [after], lost: none })
  yield* repeatAll(again)
  if (isRaced) {
    yield* answerOnce(again)
    yield* raceAll(again, pace)
  }
  if (isQueried) yield* queryAll(again)
  if (isVerified) {
    const report = yield* again.lib.verify()
    if (!report.ok) throw new Wrong(`verify: ${JSON.stringify(report)}`)
  }
  return { points: recorder.points, opens, appended: records } satisfies Checked
})
