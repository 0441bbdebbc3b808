/**
 * The check of the backups and restored libs on a disk that a crash left: each holds one of the worlds that it may hold,
 * and what was cut short can be done again. On a disk of its own, so that the check of the lib finds what the crash left.
 */
import * as Effect from "effect/Effect"
import type * as DiskState from "../../../src/testing/DiskState.ts"
import { loseAll } from "../../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import { match } from "./run.ts"
import { open, readWorld, restore, Wrong } from "./session.ts"
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

/** A restore to an earlier position cuts the checkpoints: others get the positions that it leaves out. */
const checkCut = Effect.fnUntraced(function* (disk: SimulatedDisk.SimulatedDisk, from: string) {
  const whole = yield* open(disk, { mode: "read" }, from)
  const before = yield* whole.lib.checkpoints
  const upTo = Math.floor((yield* whole.store.position) / 2)
  yield* whole.close
  if (!before.some(({ low }) => low > upTo)) return
  yield* restore(disk, from, "/cut", { upTo })
  const cut = yield* open(disk, { mode: "read" }, "/cut")
  for (const { consumer, low } of yield* cut.lib.checkpoints) {
    const expected = Math.min(upTo, before.find((one) => one.consumer === consumer)!.low)
    if (low !== expected)
      throw new Wrong(`restored up to ${upTo}, consumer ${consumer} is at ${low}, not at ${expected}`)
  }
  yield* cut.close
})

/** Fails or throws if a backup or a restored lib does not hold what it must. */
export const checkBackups = Effect.fnUntraced(function* (
  state: DiskState.DiskState,
  { backups = [], lost, restored = [] }: Expectation
) {
  if (backups.length === 0) return
  const disk = SimulatedDisk.make({ state })
  for (const copy of backups) {
    const to = `/check${copy.place.slice(1)}`
    const made = yield* orNothing(copy, restore(disk, copy.place, to))
    if (made !== undefined) yield* readCopy(disk, { ...copy, place: to })
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
  if (lost.size > 0) return
  const session = yield* open(disk)
  const world = yield* readWorld(session, none)
  yield* session.lib.backup(last.place)
  yield* session.close
  const after = SimulatedDisk.make({ state: loseAll(disk.state()) })
  yield* restore(after, last.place, "/again")
  yield* readCopy(after, { place: "/again", worlds: [world] })
  yield* checkCut(after, last.place)
})
