/**
 * What is done with the disk that a crash left: it is opened, compared, appended to, left once more, and opened again.
 */
import * as Effect from "effect/Effect"
import type * as DiskState from "../../../src/testing/DiskState.ts"
import { loseAll } from "../../../src/testing/PowerLoss.ts"
import { type Point, match, Recorder } from "./run.ts"
import { open, readWorld, recoverLib, type Session, Wrong } from "./session.ts"
import { append, type Expectation, type World } from "./world.ts"

/**
 * How the second writer ends; `none` ends when all is read, without a second one. What `lost` has read, the power goes,
 * and it must be there again; `blind` was opened and closed before that, and nothing was read then.
 */
export type Ending = "none" | "lost" | "blind" | "close" | "kill" | "power"

export interface Checked {
  /** The points of what was done, for crashes within a recovery. */
  readonly points: ReadonlyArray<Point>
}

const none: ReadonlySet<string> = new Set()

const appendOne = Effect.fnUntraced(function* (session: Session, world: World, recorder: Recorder, text: string) {
  const open = [...world].filter(([name, { archived }]) => !archived && name !== "order").map(([name]) => name)
  if (open.length === 0) return world
  const after = open.reduce((next, name) => append(next, name, [text]), world)
  recorder.expect([world, after])
  yield* session.lib.commit(open.map((tape) => ({ tape, records: [{ t: text }] })))
  recorder.expect([after])
  return after
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

const expectAgain = Effect.fnUntraced(function* (state: DiskState.DiskState, world: World, recorder: Recorder) {
  const again = yield* open(new Recorder(recorder.expectation).disk(state))
  match(yield* readWorld(again, none), { allowed: [world], lost: none })
  return again
})

/** Fails, or throws, when something is not as promised. */
export const check = Effect.fnUntraced(function* (
  state: DiskState.DiskState,
  expectation: Expectation,
  ending: Ending,
  isVerified: boolean
) {
  const recorder = new Recorder(expectation)
  const disk = recorder.disk(ending === "blind" ? yield* closeUnread(state, recorder) : state)
  const session = yield* openLeft(disk, expectation.lost)
  const found = match(yield* readWorld(session, expectation.lost), expectation)
  recorder.expect([found], none)
  if (ending === "none" || ending === "lost" || ending === "blind") {
    recorder.end(disk.state())
    if (ending !== "none") yield* expectAgain(loseAll(disk.state()), found, recorder)
    return { points: recorder.points } satisfies Checked
  }
  const after = yield* appendOne(session, found, recorder, `after ${state.boot}`)
  if (ending === "close") yield* session.close
  recorder.end(disk.state())
  const left = ending === "power" ? loseAll(disk.state()) : disk.state()
  const again = yield* expectAgain(left, after, recorder)
  if (isVerified) {
    const report = yield* again.lib.verify()
    if (!report.ok) throw new Wrong(`verify: ${JSON.stringify(report)}`)
  }
  return { points: recorder.points } satisfies Checked
})
