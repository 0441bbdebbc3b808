/**
 * Damage under an open lib: the meta or a segment of a tape becomes bad while the writer runs. Since the lib is not
 * opened for each damage, every bit of these files can be tried.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import type * as Tape from "litetapes/Tape"
import { existingTape, type LibService } from "../../support/openLib.ts"
import { classOf } from "./damages.ts"
import { checkFailure, type Touched, type Verdict } from "./judge.ts"
import { type Failure, failureOf } from "./answer.ts"
import { place, storageOver, within } from "./place.ts"
import type { Target } from "./states.ts"

interface Opened {
  readonly lib: LibService
  readonly set: (path: string, bytes: Uint8Array) => void
  readonly freeze: () => void
  readonly close: Effect.Effect<void>
}

const open = Effect.fnUntraced(function* (target: Target): Effect.fn.Return<Opened, unknown> {
  const { freeze, set, storage } = storageOver(target.image)
  const scope = yield* Scope.make()
  // A merge would remove the segments that are damaged here.
  const lib = yield* Lib.open(place, { closeAfter: "1 day", mergeSegments: false }).pipe(
    Scope.provide(scope),
    Effect.provideService(Storage, yield* storage)
  )
  return { lib, set, freeze, close: Scope.close(scope, Exit.void) }
})

export class Standing {
  readonly #target: Target
  /** A lib with no tape in use: each attempt loads a tape, which fails. */
  readonly #unused: Opened
  readonly #used: Opened
  readonly #tapes = new Map<string, Tape.Tape["Service"]>()

  private constructor(target: Target, unused: Opened, used: Opened) {
    this.#target = target
    this.#unused = unused
    this.#used = used
  }

  /** Opens the lib for writing twice, each time on a separate disk. */
  static open(target: Target): Effect.Effect<Standing, unknown> {
    return Effect.map(Effect.all([open(target), open(target)]), ([unused, used]) => {
      // Otherwise the dynamic segments of an interrupted writer would be closed now, which uses all tapes.
      unused.freeze()
      return new Standing(target, unused, used)
    })
  }

  get close(): Effect.Effect<void> {
    return Effect.andThen(this.#unused.close, this.#used.close)
  }

  /** Reads what depends on the file at `path` while it has these bytes. */
  try(path: string, bytes: Uint8Array, touched: Touched): Effect.Effect<Verdict> {
    const good = this.#target.image.get(path)!
    const isMeta = classOf(path) === "tape meta"
    const { set } = isMeta ? this.#unused : this.#used
    return Effect.suspend(() => {
      set(path, bytes)
      return isMeta ? this.#tryMeta(path, touched) : this.#trySegment(path, touched)
    }).pipe(Effect.ensuring(Effect.sync(() => set(path, good))))
  }

  #tryMeta(path: string, touched: Touched): Effect.Effect<Verdict> {
    const [name] = within(path).split("/")
    return Effect.map(Effect.exit(existingTape(this.#unused.lib, name!)), (exit) =>
      Exit.isSuccess(exit)
        ? { outcome: "silent", isSilent: true, faults: [`${name} was opened`] }
        : refused(failureOf(exit.cause), touched, `open ${name}`)
    )
  }

  #trySegment(path: string, touched: Touched): Effect.Effect<Verdict> {
    const file = within(path)
    const { lines, name, segments } = this.#target.truth.tapes.get(file.slice(0, file.indexOf("/")))!
    const found = segments.find((segment) => segment.name === file)!
    const expected = lines.slice(found.from, found.to)
    return Effect.gen({ self: this }, function* () {
      const tape = this.#tapes.get(name) ?? (yield* Effect.orDie(existingTape(this.#used.lib, name)))
      this.#tapes.set(name, tape)
      const read = yield* Effect.exit(Stream.runCollect(tape.readSegment(found.number)))
      const verified = yield* Effect.exit(tape.verifySegment(found.number))
      if (Exit.isSuccess(verified)) {
        return { outcome: "silent", isSilent: true, faults: [`segment ${file} verifies`] }
      }
      const bad = refused(failureOf(verified.cause), touched, `verify segment ${file}`)
      if (Exit.isFailure(read)) {
        const verdict = refused(failureOf(read.cause), touched, `segment ${file}`)
        return { ...verdict, faults: [...bad.faults, ...verdict.faults] }
      }
      const isSilent =
        read.value.length !== expected.length ||
        read.value.some((record, at) => JSON.stringify(record) !== expected[at])
      const outcome = "harmless, reads do not need it, verify names it"
      return { outcome, isSilent, faults: isSilent ? [`segment ${file} returned other records`] : bad.faults }
    })
  }
}

const refused = (failure: Failure, touched: Touched, way: string): Verdict => {
  const fault = checkFailure(failure, touched)
  return {
    outcome: `refused in part, ${failure.error?._tag}`,
    isSilent: false,
    faults: fault === undefined ? [] : [`${way} ${fault}`]
  }
}
