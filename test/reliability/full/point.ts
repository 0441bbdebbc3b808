/** One operation on a disk with a given amount of free space, and what comes after it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Cause from "effect/Cause"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { isDeepStrictEqual } from "node:util"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import { Storage } from "litetapes/Storage"
import { type LibService, openSession, tapeOf, withLib } from "../../support/openLib.ts"
import { findings, readTapes } from "../../support/receipts.ts"
import {
  copyLedger,
  keep,
  keepEvent,
  type Ledger,
  type Operation,
  prepare,
  newLedger,
  readEvents
} from "./operations.ts"
import type { Room } from "./room.ts"

/** A lib that is copied to the small disk for each point. */
export interface Template {
  readonly folder: string
  readonly ledger: Ledger
}

const settings = { closeBytes: 1024 * 1024 }

/** Makes two libs: one that its writer closed, and one as a killed writer leaves it. */
export const makeTemplates = (folder: string): Promise<{ readonly clean: Template; readonly killed: Template }> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const ledger = newLedger()
      const session = yield* openSession(storage, `${folder}/clean`, settings)
      yield* prepare(session.lib, ledger)
      const withoutLock = (source: string) => !source.endsWith("litelib.lock")
      fs.cpSync(`${folder}/clean`, `${folder}/killed`, { recursive: true, filter: withoutLock })
      yield* session.close
      return { clean: { folder: `${folder}/clean`, ledger }, killed: { folder: `${folder}/killed`, ledger } }
    })
  )

export interface Outcome {
  /** Tag of the error of the operation; `undefined` if it had enough space. */
  readonly met: string | undefined
  readonly wrong: ReadonlyArray<string>
}

const onlyTyped = (exit: Exit.Exit<unknown, unknown>, what: string, wrong: Array<string>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = Cause.squash(exit.cause)
  const tag = (error as { readonly _tag?: unknown } | null)?._tag
  const isTyped = !Cause.hasDies(exit.cause) && typeof tag === "string" && expectedTags.has(tag)
  if (!isTyped) wrong.push(`${what} failed with ${Cause.pretty(exit.cause)}`)
  return String(tag)
}

const expectedTags = new Set(["CommitOutcomeUnknown", "WriterPoisoned", "StorageError"])

/** Runs `operation` with `left` bytes of free space; `undefined` stands for opening the lib. */
export const tryPoint = (room: Room, template: Template, operation: Operation | undefined, left: number) => {
  const location = `${room.folder}/lib`
  fs.rmSync(location, { recursive: true, force: true })
  room.free()
  fs.cpSync(template.folder, location, { recursive: true })
  const ledger = copyLedger(template.ledger)
  const body = Effect.gen(function* () {
    const storage = yield* NodeStorage.make
    const wrong: Array<string> = []
    const met = yield* operation === undefined
      ? openFull(room, storage, location, left, wrong)
      : operateFull(room, storage, location, operation, left, ledger, wrong)
    room.free()
    yield* afterwards(storage, location, ledger, wrong)
    return { met, wrong } satisfies Outcome
  })
  return Effect.runPromise(
    body.pipe(
      Effect.catchCause((cause) => Effect.succeed<Outcome>({ met: "?", wrong: [Cause.pretty(cause)] })),
      Effect.provide(Logger.layer([]))
    )
  )
}

type StorageService = Storage["Service"]

const openFull = Effect.fnUntraced(function* (
  room: Room,
  storage: StorageService,
  location: string,
  left: number,
  wrong: Array<string>
) {
  room.leave(left)
  const exit = yield* Effect.exit(openSession(storage, location, settings))
  if (Exit.isSuccess(exit)) yield* exit.value.close
  return onlyTyped(exit, "opening", wrong)
})

const operateFull = Effect.fnUntraced(function* (
  room: Room,
  storage: StorageService,
  location: string,
  operation: Operation,
  left: number,
  ledger: Ledger,
  wrong: Array<string>
) {
  const scope = yield* Scope.make()
  const lib = yield* Lib.open(location, { ...settings, ...operation.options }).pipe(
    Effect.provideService(Storage, storage),
    Scope.provide(scope)
  )
  // Leave records that are in no segment yet, and do everything that opening put off until first use.
  yield* keep(lib, ledger, "alpha", 500)
  yield* keep(lib, ledger, "beta", 500)
  yield* keepEvent(lib, ledger)
  yield* readTapes(lib)
  room.leave(left)
  const met = onlyTyped(yield* Effect.exit(operation.run(lib, ledger)), operation.name, wrong)
  if (operation.name !== "close") yield* lookAgain(room, lib, ledger, met, wrong)
  onlyTyped(yield* Effect.exit(lib.close), "closing", wrong)
  yield* Scope.close(scope, Exit.void)
  // The disk is still full: opening may fail, but it must leave a lib that opens once there is space.
  onlyTyped(yield* Effect.exit(withLib(storage, location, () => Effect.void, settings)), "opening again", wrong)
  return met
})

/** Checks, while the disk is full, that reads continue and that the writer is either poisoned or unaffected. */
const lookAgain = Effect.fnUntraced(function* (
  room: Room,
  lib: LibService,
  ledger: Ledger,
  met: string | undefined,
  wrong: Array<string>
) {
  wrong.push(...(yield* compare(lib, { ...ledger, unsure: new Map(), eventsUnsure: 0 }, "while it is full")))
  if (met === undefined) return
  const hasStopped = met === "CommitOutcomeUnknown" || met === "WriterPoisoned"
  // An operation that fails alone does not poison: once there is space, the writer continues.
  if (!hasStopped) room.free()
  const probe = keep(lib, ledger, "beta", 600)
  const late = onlyTyped(yield* Effect.exit(probe), "a later append", wrong)
  const expected = hasStopped ? "WriterPoisoned" : undefined
  if (late !== expected)
    wrong.push(`after ${met} a later append ended with ${late ?? "success"}, not ${expected ?? "success"}`)
})

/** Checks, once there is space again, that everything is there and that the lib can be appended to. */
const afterwards = Effect.fnUntraced(function* (
  storage: StorageService,
  location: string,
  ledger: Ledger,
  wrong: Array<string>
) {
  yield* withLib(
    storage,
    location,
    (lib) =>
      Effect.gen(function* () {
        wrong.push(...(yield* compare(lib, ledger, "afterwards")), ...(yield* findings(lib)))
        yield* Effect.ignore(lib.activate("beta"))
        yield* keep(lib, newLedger(), "beta", 700)
        yield* (yield* tapeOf(lib, "new")).append([{ last: true }])
      }),
    settings
  )
  const bad = yield* withLib(storage, location, findings, { mode: "read" })
  wrong.push(...bad)
})

/** Checks that the lib has what was acknowledged, or that and all of what is unsure. */
const compare = Effect.fnUntraced(function* (lib: LibService, ledger: Ledger, when: string) {
  const wrong: Array<string> = []
  const found = yield* readTapes(lib)
  for (const name of ["alpha", "beta"]) {
    const kept = ledger.kept.filter(({ tape }) => tape === name).flatMap(({ records }) => records)
    const there = found.get(name) ?? []
    const isAllowed = [kept, [...kept, ...(ledger.unsure.get(name) ?? [])]].some((one) => isDeepStrictEqual(one, there))
    if (!isAllowed) wrong.push(`${when}: ${name} has ${there.length} records, but ${kept.length} were acknowledged`)
  }
  const events = yield* readEvents(lib)
  if (events < ledger.events || events > ledger.events + ledger.eventsUnsure) {
    wrong.push(`${when}: the lib has ${events} events, but ${ledger.events} were acknowledged`)
  }
  return wrong
})
