/**
 * What is done with every disk that a crash left: it is opened, compared, appended to, left once more, opened again, and
 * compared with what was found before and what was appended.
 */
import * as Effect from "effect/Effect"
import type * as DiskState from "../../../src/testing/DiskState.ts"
import { loseAll } from "../../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import { category } from "./acts.ts"
import { type Point, match, Recorder } from "./run.ts"
import { open, readWorld, recoverLib, type Session, Wrong } from "./session.ts"
import { afterAct, append, type Expectation, type World } from "./world.ts"

/**
 * How the writer ends that appends behind the crash. With `lost` the power goes before that as well, when all was read, and
 * the next writer appends without having read anything; with `blind` yet another one has opened and closed the lib at first,
 * and read nothing.
 */
export type Ending = "close" | "kill" | "power" | "lost" | "blind"

export interface Checked {
  /** The points of what was done, for crashes within a recovery. */
  readonly points: ReadonlyArray<Point>
  /** How often the lib was opened. */
  readonly opens: number
  /** Records that were appended behind the crash, and found again by the last writer. */
  readonly appended: number
}

const none: ReadonlySet<string> = new Set()

/** The tape that is appended to where there is no other. */
const late = "late"

/** Appends a record to every tape that takes one, as one batch; where there is no such tape, one is made. */
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

/** Opens what a crash left of a lib; one that lost its meta is recovered. */
const openLeft = (disk: Parameters<typeof open>[0], lost: ReadonlySet<string>) =>
  Effect.catch(open(disk), (error) =>
    lost.has("lib") ? Effect.andThen(recoverLib(disk), open(disk)) : Effect.fail(error)
  )

/** A writer that opens it and closes it, and looks at nothing. */
const closeUnread = Effect.fnUntraced(function* (state: DiskState.DiskState, recorder: Recorder) {
  const disk = recorder.disk(state)
  const { lost } = recorder.expectation
  const session = yield* openLeft(disk, lost)
  yield* session.close
  return disk.state()
})

/** Fails, or throws, when something is not as promised: in what the crash left, or in what is there behind an append. */
export const check = Effect.fnUntraced(function* (
  state: DiskState.DiskState,
  expectation: Expectation,
  ending: Ending,
  isVerified: boolean
) {
  const recorder = new Recorder(expectation)
  let opens = ending === "blind" ? 3 : 2
  let disk = recorder.disk(ending === "blind" ? yield* closeUnread(state, recorder) : state)
  let session = yield* openLeft(disk, expectation.lost)
  const found = match(yield* readWorld(session, expectation.lost), expectation)
  recorder.expect([found], none)
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
  const again = yield* open(SimulatedDisk.make({ state: left }))
  match(yield* readWorld(again, none), { allowed: [after], lost: none })
  if (isVerified) {
    const report = yield* again.lib.verify()
    if (!report.ok) throw new Wrong(`verify: ${JSON.stringify(report)}`)
  }
  return { points: recorder.points, opens, appended: records } satisfies Checked
})
