/**
 * The check of the backups and restored libs on a disk that a crash left: each holds one of the worlds that it may hold,
 * and what was cut short can be done again. On a disk of its own, so that the check of the lib finds what the crash left.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as DiskState from "../../../src/testing/DiskState.ts"
import { loseAll } from "../../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import { match } from "./run.ts"
import { open, readWorld, restore, type Session, Wrong } from "./session.ts"
import type { BackupCopy, Expectation, World } from "./world.ts"

const none: ReadonlySet<string> = new Set()

const isWorld = (world: World | undefined): world is World => world !== undefined

/** Reads a restored lib, and fails unless it can be written to. */
const readCopy = Effect.fnUntraced(function* (disk: SimulatedDisk.SimulatedDisk, { place, worlds }: BackupCopy) {
  const session = yield* open(disk, {}, place)
  const found = match(yield* readWorld(session, none), { allowed: worlds.filter(isWorld), lost: none })
  const report = yield* session.lib.verify()
  if (!report.ok) throw new Wrong(`verify of ${place}: ${JSON.stringify(report)}`)
  yield* session.close
  return found
})

/** Errors that say that there is nothing yet. */
const isNothing = ({ _tag }: { readonly _tag: string }): boolean => _tag === "BackupUnfinished" || _tag === "LibInvalid"

const orNothing = <A, E extends { readonly _tag: string }>(
  { place, worlds }: BackupCopy,
  effect: Effect.Effect<A, E>
) =>
  Effect.catch(effect, (error: E): Effect.Effect<undefined, E | Wrong> => {
    if (!isNothing(error)) return Effect.fail(error)
    if (worlds.includes(undefined)) return Effect.succeed(undefined)
    return Effect.fail(new Wrong(`${place} holds nothing: ${String(error)}`))
  })

/** Returns what the events of a lib answer, with their positions. */
const answersOf = ({ store }: Session) =>
  Effect.map(Stream.runCollect(store.readAll()), (events) =>
    events.flatMap(({ data, position }) => {
      const { answers } = data as { readonly answers?: number }
      return answers === undefined ? [] : [{ answers, position }]
    })
  )

/**
 * A restore to an earlier position leaves no event done that it leaves out, since others get these positions, and none whose
 * answer it leaves out.
 */
const checkCut = Effect.fnUntraced(function* (disk: SimulatedDisk.SimulatedDisk, from: string) {
  const whole = yield* open(disk, { mode: "read" }, from)
  const before = yield* whole.lib.checkpoints
  const answers = yield* answersOf(whole)
  const upTo = answers.at(-1)?.position ?? Math.floor((yield* whole.store.position) / 2)
  yield* whole.close
  if (!before.some(({ low }) => low > 0)) return
  yield* restore(disk, from, "/cut", { upTo })
  const cut = yield* open(disk, { mode: "read" }, "/cut")
  const kept = new Set((yield* answersOf(cut)).map((one) => one.answers))
  for (const { consumer, isLost, low } of yield* cut.lib.checkpoints) {
    if (low > upTo) throw new Wrong(`restored up to ${upTo}, consumer ${consumer} is at ${low}`)
    if (consumer !== "answers" || isLost) continue
    const unanswered = answers.find((one) => one.answers < low && !kept.has(one.answers))
    if (unanswered !== undefined)
      throw new Wrong(
        `restored up to ${upTo}, the answer to event ${unanswered.answers} is gone, but it counts as done`
      )
  }
  yield* cut.close
})

/** Whether a tape of the lib has another id than in what was restored, since it was recovered: the backup refuses it then. */
const isRecoveredSince = Effect.fnUntraced(function* (
  { lib }: Session,
  disk: SimulatedDisk.SimulatedDisk,
  from: string
) {
  const restored = yield* open(disk, { mode: "read" }, from)
  const ids = new Map((yield* restored.lib.tapes).map(({ name, tape }) => [name, tape]))
  yield* restored.close
  return (yield* lib.tapes).some(({ name, tape }) => (ids.get(name) ?? tape) !== tape)
})

/** Fails or throws if a backup or a restored lib does not hold what it must. */
export const checkBackups = Effect.fnUntraced(function* (
  state: DiskState.DiskState,
  { backups = [], lost, restored = [] }: Expectation,
  /** Whether the next backup into the last place is checked too. */
  isContinued: boolean,
  /** Whether a restore of that one to an earlier position is checked too. */
  isCut: boolean
) {
  if (backups.length === 0) return
  const disk = SimulatedDisk.make({ state })
  /** Where the last backup was restored to; `undefined` before the first backup. */
  let lastRestored: string | undefined
  for (const copy of backups) {
    const to = `/check${copy.place.slice(1)}`
    const made = yield* orNothing(copy, restore(disk, copy.place, to))
    if (made !== undefined) yield* readCopy(disk, { ...copy, place: to })
    lastRestored = made === undefined ? undefined : to
  }
  for (const copy of restored) {
    // For reading, since a writer would make a lib where there is nothing.
    const reader = yield* orNothing(copy, open(disk, { mode: "read" }, copy.place))
    yield* reader?.close ?? Effect.void
    if (reader === undefined) yield* restore(disk, copy.from, copy.place)
    yield* readCopy(disk, copy)
  }
  const last = backups.at(-1)!
  // A lib or tape that is still to be recovered gets another id.
  if (!isContinued || lost.size > 0) return
  const session = yield* open(disk)
  const world = yield* readWorld(session, none)
  const isRefused = lastRestored !== undefined && (yield* isRecoveredSince(session, disk, lastRestored))
  const to = isRefused ? `${last.place}-of-the-recovered` : last.place
  yield* session.lib.backup(to)
  yield* session.close
  const after = SimulatedDisk.make({ state: loseAll(disk.state()) })
  yield* restore(after, to, "/again")
  yield* readCopy(after, { place: "/again", worlds: [world] })
  if (isCut) yield* checkCut(after, to)
})
