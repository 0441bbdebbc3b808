/**
 * A run: a sequence of acts over a simulated disk. Before every step that changes the disk it records the state of the
 * disk and the expectation.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as DiskState from "../../../src/testing/DiskState.ts"
import { powerLosses } from "../../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import type * as Lib from "litetapes/Lib"
import type { Receipt } from "litetapes/Lib"
import type { Random } from "../random.ts"
import { type Act, ActMaker, category, type Kind, type Part, tapes } from "./acts.ts"
import {
  commit,
  doAct,
  isPrivate,
  merging,
  open,
  place,
  readWorld,
  recoverLib,
  restore,
  type Session,
  settle,
  turns,
  Wrong
} from "./session.ts"
import { harmed, segmentLoss } from "./harm.ts"
import {
  afterAct,
  anyOrder,
  type BackupCopy,
  type Copy,
  movedOf,
  duringAct,
  type Expectation,
  nextAnswer,
  nothing,
  textOf,
  without,
  type World
} from "./world.ts"

/** A moment of a run at which a crash may happen. */
export interface Point {
  readonly state: DiskState.DiskState
  readonly expectation: Expectation
  /** The step that comes next; `undefined` at the end. */
  readonly step: SimulatedDisk.Step | undefined
}

/** Returns the fault of a step, or `undefined` if the step shall succeed. */
export type Faults = (step: SimulatedDisk.Step) => SimulatedDisk.Fault | undefined

const noFault: Faults = () => undefined

/** Records the points of everything that runs on a disk. */
export class Recorder {
  readonly points: Array<Point> = []
  expectation: Expectation
  /** Copies that were made; they are as they are, whatever happens to the lib. */
  copies: ReadonlyMap<string, Copy>
  #disks = 0

  constructor(world: Expectation) {
    this.expectation = world
    this.copies = world.copies ?? new Map()
  }

  /** Sets the worlds that may be found from now on. */
  expect(allowed: ReadonlyArray<World>, lost: ReadonlySet<string> = this.expectation.lost): void {
    this.expectation = { ...this.expectation, allowed, lost, copies: this.copies }
  }

  /** Sets what the backup at `copy.place` may hold from now on. */
  expectBackup(copy: BackupCopy): void {
    const others = (this.expectation.backups ?? []).filter(({ place }) => place !== copy.place)
    this.expectation = { ...this.expectation, backups: [...others, copy] }
  }

  /** Sets what the restored lib at `copy.place` may hold from now on. */
  expectRestored(copy: BackupCopy & { readonly from: string }): void {
    const others = (this.expectation.restored ?? []).filter(({ place }) => place !== copy.place)
    this.expectation = { ...this.expectation, restored: [...others, copy] }
  }

  /** Makes a disk whose points are recorded until the next one is made: by then the process that used it is dead. */
  disk(state: DiskState.DiskState, turnsOf?: () => number, fault: Faults = noFault): SimulatedDisk.SimulatedDisk {
    this.#disks += 1
    const mine = this.#disks
    return SimulatedDisk.make({
      state,
      onStep: (step, { state: now }) => {
        if (mine !== this.#disks) return undefined
        if (SimulatedDisk.isChange(step)) this.points.push({ state: now(), expectation: this.expectation, step })
        return fault(step)
      },
      ...(turnsOf === undefined ? {} : { turns: turnsOf })
    })
  }

  end(state: DiskState.DiskState): void {
    this.points.push({ state, expectation: this.expectation, step: undefined })
  }
}

const none: ReadonlySet<string> = new Set()

/** Returns the allowed world that `found` is equal to; throws if no such world exists. */
export const match = (found: World, { allowed }: Expectation): World => {
  const text = textOf(found)
  const matching = allowed.find((one) => textOf(one) === text)
  if (matching !== undefined) return matching
  throw new Wrong(`found\n${text}\nbut expected\n${allowed.map(textOf).join("\nor\n")}`)
}

const isSync = (step: SimulatedDisk.Step | undefined): boolean =>
  step?.operation === "sync" || step?.operation === "datasync" || step?.operation === "syncFolder"

const comesFirst = (a: Receipt, b: Receipt): number => a.batch - b.batch || a.firstOrdinal - b.firstOrdinal

/** Returns whether an act can succeed; a run skips acts that the lib must refuse. */
export const isPossible = (world: World, act: Act): boolean => {
  switch (act._tag) {
    case "append":
    case "events":
      return act.parts.every(({ tape }) => world.get(tape)?.archived !== true)
    case "answer":
      return nextAnswer(world) < (world.get(category)?.records.length ?? 0)
    case "count": {
      const { done, records = [] } = world.get(category) ?? {}
      return records.length > (typeof done?.counts === "number" ? done.counts : 0)
    }
    case "together":
      return act.appends.every(({ parts }) => parts.every(({ tape }) => world.get(tape)?.archived !== true))
    case "merge":
      return tapes.every((tape) => world.get(tape)?.archived === false)
    case "backup":
      return act.parts.every(({ tape }) => world.get(tape)?.archived !== true)
    case "restore":
      return true
    case "cut":
    case "overtake":
      return isPossible(world, act.act)
    case "clone":
      return world.has(act.tape) && !world.has(act.as)
    case "create":
    case "copyLib":
    case "settle":
    case "reopen":
    case "copied":
    case "recoverLib":
      return true
    default:
      return world.has(act.tape)
  }
}

/** Returns the same disk, with the files of the lib copied by hand: none of them, nor their names, is durable. */
const copyOf = (state: DiskState.DiskState): DiskState.DiskState => {
  let copy = DiskState.settled(state)
  const parent = DiskState.parentOf(copy, place)!
  copy = DiskState.syncFolder(DiskState.setEntry(copy, parent.inode, parent.name, undefined), parent.inode)
  for (const [path, bytes] of DiskState.contents(state)) {
    if (path !== place && !path.startsWith(`${place}/`)) continue
    const { inode, name } = DiskState.parentOf(copy, path)!
    const added = DiskState.addNode(copy, inode, name, bytes === undefined ? "folder" : "file")
    copy = bytes === undefined ? added.state : DiskState.write(added.state, added.inode, 0, bytes)
  }
  return copy
}

/** One history while it runs. If an act fails, the recorder's expectation says what may be found. */
export class Run {
  readonly recorder: Recorder
  readonly acts: Array<Act> = []
  readonly #random: Random
  readonly #turns: (() => number) | undefined
  readonly #fault: Faults
  disk: SimulatedDisk.SimulatedDisk
  session: Session | undefined
  /** Index of the first point of the acts, or of the last session if the lib was opened again. */
  begun = 0
  #world: World = nothing
  /** Number of recoveries: they give tapes, or the lib, a new id, which needs a new backup. */
  #recoveries = 0
  #restores = 0
  /** The creation of a tape was cut short just before it was listed. A recovery of the lib would adopt that tape. */
  #mayAdopt = false

  constructor(random: Random, fault: Faults = noFault) {
    this.#random = random
    this.#fault = fault
    this.recorder = new Recorder({ allowed: [nothing], lost: none })
    // Half of the runs yield here and there, which changes the order of concurrent work.
    const share = random.pick([0, 0, 0.1, 0.4])
    this.#turns = share === 0 ? undefined : () => (random.next() < share ? 1 + random.below(8) : 0)
    this.disk = this.recorder.disk(DiskState.empty, this.#turns, fault)
  }

  readonly start = Effect.fnUntraced({ self: this }, function* (this: Run) {
    this.session = yield* open(this.disk)
    for (const tape of ["a", "b"]) yield* this.act({ _tag: "create", tape })
  })

  readonly act = Effect.fnUntraced({ self: this }, function* (this: Run, act: Act) {
    if (!isPossible(this.#world, act) || (act._tag === "recoverLib" && this.#mayAdopt)) return
    this.acts.push(act)
    if (act._tag === "reopen") return yield* this.#reopen(act.end)
    if (act._tag === "cut") return yield* this.#cut(act)
    if (act._tag === "overtake") return yield* this.#overtake(act)
    if (act._tag === "copied") return yield* this.#copied()
    if (act._tag === "salvage") return yield* this.#salvage(act)
    return yield* this.#uncut(act)
  })

  readonly #uncut = Effect.fnUntraced({ self: this }, function* (this: Run, act: Act) {
    if (act._tag === "together") return yield* this.#together(act)
    if (act._tag === "merge") return yield* this.#merge(act)
    if (act._tag === "backup") return yield* this.#backup(act)
    if (act._tag === "restore") return yield* this.#restore()
    return yield* this.#whole(act)
  })

  readonly #backup = Effect.fnUntraced({ self: this }, function* (this: Run, { parts }: Act & { _tag: "backup" }) {
    const { recorder } = this
    const place = `/backup${this.#recoveries}`
    const before = this.#world
    const after = afterAct(before, { _tag: "append", parts })
    const known = recorder.expectation.backups?.find((one) => one.place === place)
    const worlds = parts.length === 0 ? [before] : [before, after]
    recorder.expectBackup({ place, worlds: [...(known?.worlds ?? [undefined]), ...worlds] })
    recorder.expect(parts.length === 0 ? [before] : [before, after])
    const appending = Effect.tap(parts.length === 0 ? Effect.void : commit(this.session!, parts), () =>
      Effect.sync(() => recorder.expect([after]))
    )
    const exits = yield* Effect.all([Effect.exit(this.session!.lib.backup(place)), Effect.exit(appending)], {
      concurrency: "unbounded"
    })
    if (exits[1]._tag === "Success") this.#world = after
    for (const exit of exits) yield* exit
    recorder.expect([after], none)
    recorder.expectBackup({ place, worlds })
  })

  /** Restores the last backup, if it is known to hold something. */
  readonly #restore = Effect.fnUntraced({ self: this }, function* (this: Run) {
    const { recorder } = this
    const backup = recorder.expectation.backups?.at(-1)
    if (backup === undefined || backup.worlds.includes(undefined)) return
    const place = `/restored${(this.#restores += 1)}`
    recorder.expectRestored({ place, from: backup.place, worlds: [undefined, ...backup.worlds] })
    yield* restore(this.disk, backup.place, place)
    recorder.expectRestored({ place, from: backup.place, worlds: backup.worlds })
  })

  readonly #whole = Effect.fnUntraced({ self: this }, function* (this: Run, act: Act) {
    const after = afterAct(this.#world, act)
    const during = duringAct(this.#world, act)
    this.#noteCopy(act, false)
    this.recorder.expect(during)
    if (act._tag === "recover" || act._tag === "recoverLib") yield* this.#recover(act)
    else {
      yield* Effect.tapError(doAct(this.session!, act, this.#world), (error) =>
        Effect.sync(() => {
          // Only an append with an unknown outcome may be found later.
          const isAppend = ["append", "events", "answer", "count"].includes(act._tag)
          if (isAppend && error._tag !== "CommitOutcomeUnknown") this.recorder.expect(during.slice(0, -1))
        })
      )
    }
    this.#world = after
    this.#noteCopy(act, true)
    this.recorder.expect([after], none)
  })

  #noteCopy(act: Act, isWhole: boolean): void {
    if (act._tag !== "copyLib") return
    const { recorder } = this
    recorder.copies = new Map([...recorder.copies, [act.to, { world: movedOf(this.#world), isWhole }]])
  }

  readonly #together = Effect.fnUntraced(
    { self: this },
    function* (this: Run, act: Act & { readonly _tag: "together" }) {
      const world = this.#world
      const all = act.appends.map(({ parts }) => parts)
      const done = new Map<ReadonlyArray<Part>, Receipt>()
      const expect = () => this.recorder.expect(anyOrder(world, all, (parts) => done.has(parts)))
      expect()
      const exits = yield* Effect.forEach(
        act.appends,
        ({ parts, turns: before }) =>
          Effect.exit(
            Effect.map(Effect.andThen(turns(before), commit(this.session!, parts)), ([receipt]) => {
              done.set(parts, receipt!)
              expect()
            })
          ),
        { concurrency: "unbounded" }
      )
      for (const exit of exits) yield* exit
      const order = all.toSorted((a, b) => comesFirst(done.get(a)!, done.get(b)!))
      this.#world = afterAct(world, { _tag: "append", parts: order.flat() })
      this.recorder.expect([this.#world], none)
    }
  )

  readonly #merge = Effect.fnUntraced(
    { self: this },
    function* (this: Run, { fillers, segments, tape }: Act & { readonly _tag: "merge" }) {
      yield* this.#continue(yield* this.#leave(true), merging)
      for (const records of segments) {
        yield* this.#whole({ _tag: "append", parts: [{ tape, records }] })
        yield* this.#whole({ _tag: "flush", tape })
      }
      const other = tapes.find((one) => one !== tape)!
      for (const record of fillers) {
        yield* this.#whole({ _tag: "append", parts: [{ tape: other, records: [record] }] })
      }
      if (fillers.length > 0) yield* settle
    }
  )

  /** Does an act, then undoes everything after one of its steps, as if a crash had come there. */
  readonly #cut = Effect.fnUntraced(
    { self: this },
    function* (this: Run, { act, at, end, inSync }: Act & { readonly _tag: "cut" }) {
      const { points } = this.recorder
      const before = points.length
      const wanted = afterAct(this.#world, act)
      yield* this.#uncut(act)
      const numbers = points.slice(before).flatMap(({ step }, n) => (inSync && !isSync(step) ? [] : [before + n]))
      const last = numbers[Math.floor(at * numbers.length)]
      if (last === undefined) return
      const { expectation, state } = points[last]!
      points.length = last + 1
      this.session = undefined
      this.recorder.copies = expectation.copies ?? new Map()
      this.recorder.expectation = { ...expectation, lost: this.recorder.expectation.lost }
      yield* this.#continue(end === "power" ? this.#losePower(state) : DiskState.kill(state))
      this.#mayAdopt ||= [...wanted.keys()].some((tape) => !this.#world.has(tape))
    }
  )

  /**
   * The files are copied by hand, and a writer that opens the copy is killed. Until it has opened it, nothing is promised:
   * so this is not a part of the run, and the disk does not fail.
   */
  readonly #copied = Effect.fnUntraced({ self: this }, function* (this: Run) {
    const copy = this.recorder.disk(copyOf(yield* this.#leave(true)), this.#turns)
    const { length } = this.recorder.points
    yield* open(copy)
    this.recorder.points.length = length
    // Nobody has opened the copies of the backups, so they may be lost.
    this.#recoveries += 1
    const { allowed, copies = new Map() } = this.recorder.expectation
    this.recorder.expectation = { allowed, copies, lost: none }
    yield* this.#continue(DiskState.kill(copy.state()))
  })

  /** Another writer takes over while the first one is at work. What the first one acknowledged must be there. */
  readonly #overtake = Effect.fnUntraced(
    { self: this },
    function* (this: Run, { act, late, turns: after }: Act & { readonly _tag: "overtake" }) {
      const first = this.session!
      const world = this.#world
      const during = duringAct(world, act)
      this.recorder.expect(during)
      this.disk.dropLocks()
      const doing = yield* Effect.forkChild(Effect.exit(Effect.andThen(turns(late), doAct(first, act, world))))
      yield* turns(after)
      // The first one takes its lock again when it changes its dynamic segment; then the other one is refused.
      const session = yield* Effect.catchTag(open(this.disk), "LibLocked", () => Effect.succeed(undefined))
      this.session = session ?? first
      const exit = yield* Fiber.join(doing)
      const isDone = Exit.isSuccess(exit)
      if (session === undefined) {
        this.#world = afterAct(world, act)
        this.recorder.expect([this.#world], none)
        return yield* exit
      }
      const found = match(yield* readWorld(session, none), { allowed: isDone ? during.slice(-1) : during, lost: none })
      this.recorder.expect([found], none)
      yield* Effect.exit(first.close)
      this.#mayAdopt ||= afterAct(world, act).size > found.size
      this.#world = match(yield* readWorld(session, none), this.recorder.expectation)
    }
  )

  readonly end = Effect.fnUntraced({ self: this }, function* (this: Run, isClosed: boolean) {
    yield* this.#leave(isClosed)
  })

  readonly #reopen = Effect.fnUntraced({ self: this }, function* (this: Run, end: "close" | "kill" | "power") {
    const state = yield* this.#leave(end === "close")
    yield* this.#continue(end === "power" ? this.#losePower(state) : state)
  })

  #losePower(state: DiskState.DiskState): DiskState.DiskState {
    return this.#random.pick([...powerLosses(state, { limit: 8, random: this.#random.next, isWhole: isPrivate })])
  }

  /** Opens the lib that is left. */
  readonly #continue = Effect.fnUntraced(
    { self: this },
    function* (this: Run, state: DiskState.DiskState, options?: Lib.Options) {
      this.begun = this.recorder.points.length
      this.disk = this.recorder.disk(state, this.#turns, this.#fault)
      this.session = yield* open(this.disk, options)
      this.#world = match(yield* readWorld(this.session, none), this.recorder.expectation)
      this.recorder.expect([this.#world], none)
    }
  )

  readonly #recover = Effect.fnUntraced(
    { self: this },
    function* (this: Run, act: Act & { readonly end: "close" | "kill" }) {
      const state = yield* this.#leave(act.end === "close")
      this.#recoveries += 1
      const isLib = act._tag === "recoverLib"
      const meta = isLib ? `${place}/litelib.meta.jsonl` : `${place}/${(act as { tape: string }).tape}/tape.meta.jsonl`
      this.recorder.expect(this.recorder.expectation.allowed, new Set([isLib ? "lib" : (act as { tape: string }).tape]))
      this.disk = this.recorder.disk(
        DiskState.replaceFile(DiskState.settled(state), meta, undefined),
        this.#turns,
        this.#fault
      )
      if (isLib) yield* recoverLib(this.disk)
      this.session = yield* open(this.disk)
      if (act._tag === "recover") yield* this.session.lib.recoverTape(act.tape)
    }
  )

  readonly #salvage = Effect.fnUntraced(
    { self: this },
    function* (this: Run, { end, tape }: Act & { readonly _tag: "salvage" }) {
      this.#recoveries += 1
      const state = yield* this.#leave(end === "close")
      const harm = harmed(DiskState.settled(state), `${place}/${tape}`)
      if (harm === undefined) return yield* this.#continue(state)
      this.#world = without(this.#world, tape, harm.lost)
      this.recorder.expect([this.#world], new Set([segmentLoss(tape)]))
      this.disk = this.recorder.disk(harm.state, this.#turns, this.#fault)
      this.session = yield* open(this.disk)
      yield* this.session.lib.salvageTape(tape, { acceptLoss: true })
      this.recorder.expect([this.#world], none)
    }
  )

  /** Ends the process and returns its disk. Anything that it still runs, it runs on a disk that nothing reads. */
  readonly #leave = Effect.fnUntraced({ self: this }, function* (this: Run, isClosed: boolean) {
    const { session } = this
    this.session = undefined
    if (isClosed) yield* session!.close
    this.recorder.end(this.disk.state())
    return this.disk.state()
  })
}

/** Does acts of these kinds, one after the other, and ends the process. */
export const perform = Effect.fnUntraced(function* (one: Run, kinds: ReadonlyArray<Kind>, random: Random) {
  const maker = new ActMaker(random)
  yield* one.start()
  one.begun = one.recorder.points.length
  for (const kind of kinds) yield* one.act(maker.make(kind))
  if (random.next() < 0.5) yield* settle
  yield* one.end(random.next() < 0.7)
})

/** Runs acts of these kinds and returns all points at which a crash may happen. */
export const run = Effect.fnUntraced(function* (kinds: ReadonlyArray<Kind>, random: Random) {
  const one = new Run(random)
  yield* perform(one, kinds, random)
  return { points: one.recorder.points, begun: one.begun, acts: one.acts }
})
