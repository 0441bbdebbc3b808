/**
 * The life of one lib on a real disk: random acts, readers, disk errors, restarts with and without a close. After each
 * of them the lib is compared with the model.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import * as NodeDisk from "litetapes/NodeDisk"
import { Storage } from "litetapes/Storage"
import { Disk } from "litetapes/Disk"
import { type Act, ActMaker, kinds, tapes } from "../crashes/acts.ts"
import { isPossible, match } from "../crashes/run.ts"
import { commit, doAct, readWorld, type Session, Wrong } from "../crashes/session.ts"
import { afterAct, duringAct, nothing, type World } from "../crashes/world.ts"
import type { Random } from "../random.ts"
import { faulty } from "./faultyDisk.ts"
import {
  type ActName,
  checkReason,
  didSomething,
  type DiskFailed,
  nameOf,
  stopped,
  tagOf,
  worldsBehind
} from "./outcome.ts"

export interface Lived {
  acts: number
  restarts: number
  faults: number
  /** Readers that opened the lib and were compared. */
  looks: number
  /** Appends that a poisoned writer refused. */
  refusals: number
  /** Poisoned writers after which the lib was opened again under the same service. */
  reopened: number
  /** Acts that succeeded and had something to do, by kind. */
  readonly done: Map<ActName, number>
  /** Acts that failed because of the disk, by kind and tag. */
  readonly failed: Map<string, number>
}

const count = <A>(counts: Map<A, number>, what: A): void => void counts.set(what, (counts.get(what) ?? 0) + 1)

const none: ReadonlySet<string> = new Set()

/** Acts of an open session within its own folder. This life closes, kills and recovers in its own way. */
const here: ReadonlySet<Act["_tag"]> = new Set([
  "create",
  "append",
  "events",
  "archive",
  "activate",
  "user",
  "flush",
  "repack",
  "clone",
  "settle"
])

export const nothingYet = (): Lived => ({
  acts: 0,
  restarts: 0,
  faults: 0,
  looks: 0,
  refusals: 0,
  reopened: 0,
  done: new Map(),
  failed: new Map()
})

class Life {
  readonly lived = nothingYet()
  readonly #random: Random
  readonly #place: string
  readonly #storage: Storage["Service"]
  readonly #maker: ActMaker
  #session: (Session & { readonly scope: Scope.Closeable }) | undefined
  #allowed: ReadonlyArray<World> = [nothing]
  /** Number of calls until one fails; `undefined` if none shall fail. */
  #fuse: number | undefined
  #code = "EIO"
  /** Disk errors before this writer was opened. */
  #faultsAtStart = 0
  /** The process counts as dead: nothing that it still does reaches the disk. */
  #dead = false

  constructor(place: string, random: Random, storage: (refuse: () => string | undefined) => Storage["Service"]) {
    this.#place = place
    this.#random = random
    this.#maker = new ActMaker(random)
    this.#storage = storage(() => this.#refuse())
  }

  #refuse(): string | undefined {
    if (this.#dead) return "EIO"
    if (this.#fuse === undefined || (this.#fuse -= 1) > 0) return undefined
    this.#fuse = undefined
    this.lived.faults += 1
    return this.#code
  }

  readonly #open = Effect.fnUntraced({ self: this }, function* (this: Life, mode: "write" | "read") {
    const scope = yield* Scope.make()
    const lib = yield* Lib.open(this.#place, { mode, closeBytes: 3000, backlogMax: 1 }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(Storage, this.#storage),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
    return { lib, store, scope, close: Effect.ensuring(lib.close, Scope.close(scope, Exit.void)) }
  })

  /** Opens the lib without disk errors, and checks that everything is there. */
  readonly start = Effect.fnUntraced({ self: this }, function* (this: Life) {
    this.#fuse = undefined
    this.#faultsAtStart = this.lived.faults
    this.#session = yield* this.#open("write")
    this.#allowed = [match(yield* readWorld(this.#session, none), { allowed: this.#allowed, lost: none })]
    this.lived.restarts += 1
  })

  /** Closes the lib, or ends like a killed process. */
  readonly stop = Effect.fnUntraced({ self: this }, function* (this: Life, isClosed: boolean) {
    const session = this.#session
    if (session === undefined) return
    this.#session = undefined
    this.#dead = !isClosed
    const faults = this.lived.faults
    const exit = yield* Effect.exit(session.close)
    this.#dead = false
    if (Exit.isSuccess(exit)) return
    // The error of a killed process does not matter, but a defect does: `tagOf` throws it.
    const tag = tagOf(exit, "close")
    if (isClosed) checkReason(tag, this.#failedSince(faults), "close")
  })

  readonly #look = Effect.fnUntraced({ self: this }, function* (this: Life) {
    this.#fuse = undefined
    const reader = yield* this.#open("read")
    const world = yield* readWorld(reader, none)
    match(world, { allowed: this.#allowed, lost: none })
    yield* reader.close
    this.lived.looks += 1
  })

  #nextAct(): Act | undefined {
    const act = this.#maker.make(this.#random.pick(kinds))
    return here.has(act._tag) && isPossible(this.#allowed[0]!, act) ? act : undefined
  }

  readonly step = Effect.fnUntraced({ self: this }, function* (this: Life) {
    const random = this.#random
    const chance = random.next()
    if (chance < 0.06) {
      yield* this.stop(random.next() < 0.5)
      return yield* this.start()
    }
    if (chance < 0.12) return yield* this.#look()
    if (chance < 0.2) {
      this.#fuse = 1 + random.below(40)
      this.#code = random.pick(["EIO", "ENOSPC", "EMFILE", "EROFS"])
    }
    const act = this.#nextAct()
    if (act !== undefined) yield* this.do(act)
  })

  /** Returns when the disk failed, if it had failed `faults` times when the act began. */
  #failedSince(faults: number): DiskFailed {
    if (this.lived.faults > faults) return "since"
    return faults > this.#faultsAtStart ? "before" : "never"
  }

  readonly do = Effect.fnUntraced({ self: this }, function* (this: Life, act: Act) {
    const { lived } = this
    lived.acts += 1
    const before = this.#allowed[0]!
    this.#allowed = duringAct(before, act)
    const { faults } = lived
    const exit = yield* Effect.exit(doAct(this.#session!, act, before))
    if (Exit.isSuccess(exit)) {
      this.#allowed = [afterAct(before, act)]
      if (didSomething(before, act, exit.value)) count(lived.done, nameOf(act))
      return
    }
    const tag = tagOf(exit, nameOf(act))
    this.#allowed = worldsBehind(before, act, tag, this.#failedSince(faults))
    count(lived.failed, `${nameOf(act)} ${tag}`)
    if (stopped.has(tag)) {
      yield* this.#askInVain(before)
      if (yield* this.#reopen()) return
    }
    yield* this.stop(this.#random.next() < 0.5)
    yield* this.start()
  })

  /** Checks that a poisoned writer refuses later appends, although the disk works again. */
  readonly #askInVain = Effect.fnUntraced({ self: this }, function* (this: Life, world: World) {
    this.#fuse = undefined
    const tape = tapes.find((name) => world.get(name)?.archived === false)
    if (tape === undefined) return
    const exit = yield* Effect.exit(commit(this.#session!, [{ tape, records: ["in vain"] }]))
    const tag = Exit.isSuccess(exit) ? "success" : tagOf(exit, "an append to a poisoned writer")
    if (tag !== "WriterPoisoned") throw new Wrong(`an append to a poisoned writer ended with ${tag}`)
    this.lived.refusals += 1
  })

  /** Sometimes opens the lib again under the same service, and checks that everything is there. The disk may fail. */
  readonly #reopen = Effect.fnUntraced({ self: this }, function* (this: Life) {
    const session = this.#session!
    if (this.#random.next() < 0.4) return false
    const { faults } = this.lived
    this.#fuse = this.#random.next() < 0.3 ? 1 + this.#random.below(10) : undefined
    const exit = yield* Effect.exit(session.lib.reopen)
    this.#fuse = undefined
    if (Exit.isFailure(exit)) {
      const tag = tagOf(exit, "reopen")
      if (this.lived.faults === faults) throw new Wrong(`the lib was not opened again, although no disk failed: ${tag}`)
      yield* session.lib.reopen
    }
    this.#faultsAtStart = this.lived.faults
    this.#allowed = [match(yield* readWorld(session, none), { allowed: this.#allowed, lost: none })]
    this.lived.reopened += 1
    return true
  })

  readonly verify = Effect.fnUntraced({ self: this }, function* (this: Life) {
    const report = yield* this.#session!.lib.verify()
    if (!report.ok) throw new Error(`verify: ${JSON.stringify(report)}`)
  })
}

/** Runs one life of `acts` acts. */
export const live = Effect.fnUntraced(function* (place: string, acts: number, random: Random) {
  const storage = (refuse: () => string | undefined) =>
    Effect.runSync(Effect.provideService(FolderStorage.make, Disk, faulty(NodeDisk.make, refuse)))
  const life = new Life(place, random, storage)
  const whole = Effect.gen(function* () {
    yield* life.start()
    yield* life.do({ _tag: "create", tape: "a" })
    yield* life.do({ _tag: "create", tape: "b" })
    while (life.lived.acts < acts) yield* life.step()
    yield* life.stop(true)
    yield* life.start()
    yield* life.verify()
    yield* life.stop(true)
    return life.lived
  })
  // An open lib would keep its lock.
  return yield* Effect.ensuring(whole, Effect.exit(life.stop(false)))
})
