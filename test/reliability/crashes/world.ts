/**
 * The model that images are compared with: the expected contents of a lib as plain values.
 */
import { type Act, category, type Part } from "./acts.ts"

export interface TapeModel {
  /** Records of a tape, or the events of a category, as text. */
  readonly records: ReadonlyArray<string>
  readonly archived: boolean
  readonly user: number | undefined
  /** How far the consumers are, with the events: `lost` if a recovery of the lib does not know. Default: not at all. */
  readonly done?: Done
}

/** The lowest position that each consumer has not done. Positions are those of the events in `records`. */
export interface Done {
  readonly answers?: number | "lost"
  readonly counts?: number | "lost"
}

/** Returns the position of the event that is answered next. */
export const nextAnswer = (world: World): number => numberOf(world.get(category)?.done?.answers)

const numberOf = (done: number | "lost" | undefined): number => (typeof done === "number" ? done : 0)

const lostIn = ({ answers, counts }: Done): Done => ({
  ...(answers === undefined ? {} : { answers: "lost" as const }),
  ...(counts === undefined ? {} : { counts: "lost" as const })
})

/** Tapes by name. */
export type World = ReadonlyMap<string, TapeModel>

/** What may be found after a crash. */
export interface Expectation {
  /** Worlds of which one must be found. The first has exactly what was acknowledged. */
  readonly allowed: ReadonlyArray<World>
  /**
   * What the run itself damaged and that was not recovered yet: the name of a tape that lost its meta, `segmentLoss` of
   * a tape with a damaged segment, or `lib`.
   */
  readonly lost: ReadonlySet<string>
  /** Copies of the lib, by place. */
  readonly copies?: ReadonlyMap<string, Copy>
  /** Backups of the lib, oldest first. Default: none. */
  readonly backups?: ReadonlyArray<BackupCopy>
  /** Libs that were restored from them. Default: none. */
  readonly restored?: ReadonlyArray<BackupCopy & { readonly from: string }>
}

/** Another place that a backup or a restore has written to. */
export interface BackupCopy {
  readonly place: string
  /** Worlds of which it must hold one; `undefined` if it may also hold nothing yet. */
  readonly worlds: ReadonlyArray<World | undefined>
}

/** A copy of the lib at another place, which nobody writes to. */
export interface Copy {
  /** What it holds, if it is a lib. */
  readonly world: World
  /** Whether it was finished. Otherwise it may also be something that is not a lib. */
  readonly isWhole: boolean
}

/** Returns what a copy of this lib holds: tapes of events are made only for events. */
export const movedOf = (world: World): World =>
  new Map([...world].filter(([name, { records }]) => name !== category || records.length > 0))

export const nothing: World = new Map()

const fresh: TapeModel = { records: [], archived: false, user: undefined }

const change = (world: World, name: string, by: Partial<TapeModel>): World => {
  const next = new Map(world)
  next.set(name, { ...(world.get(name) ?? fresh), ...by })
  return next
}

export const append = (world: World, name: string, records: ReadonlyArray<string>): World =>
  change(world, name, { records: [...(world.get(name)?.records ?? []), ...records] })

const appendParts = (world: World, parts: ReadonlyArray<Part>): World =>
  parts.reduce((next, { records, tape }) => append(next, tape, records), world)

/** Returns the worlds that concurrent appends may lead to, in any order: all that are done, and any of the others. */
export const anyOrder = (
  world: World,
  appends: ReadonlyArray<ReadonlyArray<Part>>,
  isDone: (append: ReadonlyArray<Part>) => boolean
): ReadonlyArray<World> => {
  const rest = appends.flatMap((parts) =>
    anyOrder(
      appendParts(world, parts),
      appends.filter((other) => other !== parts),
      isDone
    )
  )
  return appends.some(isDone) ? rest : [world, ...rest]
}

/** Returns the world after an act. */
export const afterAct = (world: World, act: Act): World => {
  switch (act._tag) {
    case "create":
      return world.has(act.tape) ? world : change(world, act.tape, {})
    case "append":
    case "events":
      return appendParts(world, act.parts)
    case "answer": {
      const { done } = world.get(category)!
      const next = append(world, category, [act.record])
      return change(next, category, { done: { ...done, answers: nextAnswer(world) + 1 } })
    }
    case "count": {
      const { done, records } = world.get(category)!
      return change(world, category, { done: { ...done, counts: records.length } })
    }
    case "archive":
      return change(world, act.tape, { archived: true })
    case "activate":
      return change(world, act.tape, { archived: false })
    case "user":
      return change(world, act.tape, { user: act.value })
    case "recover":
      // User values are in the lost tape meta; the state of the tape is in lib meta.
      return world.has(act.tape) ? change(world, act.tape, { user: undefined }) : world
    case "recoverLib":
      return new Map(
        [...world].map(([name, { done, ...tape }]) => [
          name,
          { ...tape, archived: false, ...(done === undefined ? {} : { done: lostIn(done) }) }
        ])
      )
    case "clone":
      return change(world, act.as, { records: world.get(act.tape)?.records ?? [] })
    default:
      return world
  }
}

/** Returns the worlds that may be found if an act was cut short. */
export const duringAct = (world: World, act: Act): ReadonlyArray<World> => {
  const after = afterAct(world, act)
  // The tape of a new category is created before its first events are appended.
  const fresh = act._tag === "events" ? act.parts.filter(({ tape }) => !world.has(tape)) : []
  return [world, ...fresh.map(({ tape }) => append(world, tape, [])), after]
}

/** Returns the world in which a tape has lost these records. All records of a run differ. */
export const without = (world: World, name: string, lost: ReadonlyArray<string>): World =>
  change(world, name, { records: world.get(name)!.records.filter((record) => !lost.includes(record)) })

/** Returns a text that is the same for equal expectations. */
export const textOfExpectation = ({
  allowed,
  backups = [],
  copies = new Map(),
  lost,
  restored = []
}: Expectation): string => {
  const places = [...backups, ...restored].map(
    ({ place, worlds }) => `${place} ${worlds.map((world) => (world === undefined ? "-" : textOf(world))).join(";")}`
  )
  const copied = Array.from(copies, ([at, { isWhole, world }]) => `${at} ${isWhole} ${textOf(world)}`)
  return `${allowed.map(textOf).join(";")} ${[...lost].join()} ${places.join("|")} ${copied.join("|")}`
}

/** A lost checkpoint need not be known: `doAct` checks that it is refused. */
const textOfDone = ({ answers, counts }: Done): string =>
  [answers, counts].every((one) => typeof one !== "number") ? "" : ` done ${numberOf(answers)} ${numberOf(counts)}`

/** Returns a text that is the same for equal worlds. */
export const textOf = (world: World): string =>
  [...world]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, { archived, done = {}, records, user }]) =>
        `${name}${archived ? " archived" : ""} ${user ?? "-"}${textOfDone(done)}: ${records.join(" ")}`
    )
    .join("\n")
