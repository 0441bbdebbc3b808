/**
 * What a lib should hold, as plain values: the model that images are compared with.
 */
import type { Act, Part } from "./acts.ts"

export interface TapeModel {
  /** Records of a tape, or the events of a category, as text. */
  readonly records: ReadonlyArray<string>
  readonly archived: boolean
  readonly user: number | undefined
}

/** Tapes by name. */
export type World = ReadonlyMap<string, TapeModel>

/** What may be found after a crash. The first is what was acknowledged. */
export interface Expectation {
  readonly allowed: ReadonlyArray<World>
  /** Metas that the run took away itself, and that were not brought back yet: a tape's name, or `lib`. */
  readonly lost: ReadonlySet<string>
}

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

/** What appends that run at once may have made of a world, in any order: those that are done, and any of the others. */
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

/** What the world is when an act was done. */
export const afterAct = (world: World, act: Act): World => {
  switch (act._tag) {
    case "create":
      return world.has(act.tape) ? world : change(world, act.tape, {})
    case "append":
    case "events":
      return appendParts(world, act.parts)
    case "archive":
      return change(world, act.tape, { archived: true })
    case "activate":
      return change(world, act.tape, { archived: false })
    case "user":
      return change(world, act.tape, { user: act.value })
    case "recover":
      // A tape's user values are in the meta that it lost, its state is in that of the lib.
      return world.has(act.tape) ? change(world, act.tape, { user: undefined }) : world
    case "recoverLib":
      return new Map([...world].map(([name, tape]) => [name, { ...tape, archived: false }]))
    case "clone":
      return change(world, act.as, { records: world.get(act.tape)?.records ?? [] })
    default:
      return world
  }
}

/** What may be found when an act was cut short. */
export const duringAct = (world: World, act: Act): ReadonlyArray<World> => {
  const after = afterAct(world, act)
  // The tape of a new category is made before its first events are appended.
  const fresh = act._tag === "events" ? act.parts.filter(({ tape }) => !world.has(tape)) : []
  return [world, ...fresh.map(({ tape }) => append(world, tape, [])), after]
}

/** One text for equal worlds. */
export const textOf = (world: World): string =>
  [...world]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, { archived, records, user }]) =>
        `${name}${archived ? " archived" : ""} ${user ?? "-"}: ${records.join(" ")}`
    )
    .join("\n")
