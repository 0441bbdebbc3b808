/** An open lib over its sessions. */
import type { LibService, RecoverTapeOptions } from "./LibService.ts"
import * as Effect from "effect/Effect"
import { aCallback, type Check, type Checks } from "../domain/format/checkOptions.ts"
import { ReadOnly } from "../domain/format/Errors.ts"
import { containsPlace } from "../domain/meta/LibHistory.ts"
import { lineageOf } from "../domain/meta/LibState.ts"
import { checkLocation, checkOptions } from "./base/checkCall.ts"
import { inSpan } from "./base/spans.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import { appendRecords, wrongAppends } from "./write/appendRecords.ts"
import { register } from "./internals.ts"
import { type Access, withSession } from "./lib/Access.ts"
import { refreshReader } from "./lib/openReader.ts"
import type { CopyError, CopyOptions, CopyReport } from "./maintenance/copy/CopyLib.ts"
import { backupChecks, copyChecks, salvageChecks, verifyChecks } from "./maintenance/optionChecks.ts"
import { acceptLoss, backup, listCheckpoints, recoverTape, salvageTape, verifyLib } from "./onDemand.ts"
import { createTape, setTapeState } from "./lib/TapeCatalog.ts"
import type { ReopenError, Session } from "./Sessions.ts"
import type { Root, Storage } from "./ports/Storage.ts"

/** Names the span of a call such as `Lib.recoverTape`. */
const operationOf = (call: string): string => call.replace(/^Lib\./, "").replace(/Tape$/, "")

const recoverTapeChecks = { onProgress: aCallback } satisfies Checks<RecoverTapeOptions>

/** A place that cannot be read is in no history. */
const safely = (isIn: () => boolean): boolean => {
  try {
    return isIn()
  } catch {
    return false
  }
}

/** Copies the lib. */
export type Copy = (source: LibHandle, to: string, options?: CopyOptions) => Effect.Effect<CopyReport, CopyError>

type Using = <A, E>(use: (session: Session) => Effect.Effect<A, E>) => Effect.Effect<A, E>

interface Around {
  readonly storage: Storage["Service"]
  readonly root: Root
  readonly copy: Copy
}

/** Returns the operations over whole tapes, or the whole lib. */
const maintenance = (
  using: Using,
  { copy, root, storage }: Around
): Pick<LibService, "recoverTape" | "salvageTape" | "acceptLoss" | "verify" | "copy" | "backup"> => {
  const checked = <A, E>(
    call: string,
    options: unknown,
    checks: Readonly<Record<string, Check>>,
    use: (session: Session) => Effect.Effect<A, E>,
    attributes?: { readonly "litetapes.tape": string }
  ) =>
    inSpan(
      () => ({
        operation: operationOf(call),
        location: root.location,
        ...(attributes === undefined ? {} : { attributes })
      }),
      () => Effect.andThen(checkOptions(call, options, checks), using(use))
    )
  return {
    recoverTape: (name, recoverOptions) =>
      checked(
        "Lib.recoverTape",
        recoverOptions,
        recoverTapeChecks,
        ({ handle, writer }) =>
          writer === undefined
            ? readOnly(root)
            : writer.exclusively(recoverTape(handle, name, recoverOptions?.onProgress)),
        { "litetapes.tape": name }
      ),
    salvageTape: (name, salvageOptions) =>
      checked(
        "Lib.salvageTape",
        salvageOptions,
        salvageChecks,
        ({ handle, writer }) =>
          writer === undefined ? readOnly(root) : writer.exclusively(salvageTape(handle, name, salvageOptions)),
        { "litetapes.tape": name }
      ),
    acceptLoss: (name) =>
      using(({ handle, writer }) =>
        writer === undefined ? readOnly(root) : writer.exclusively(acceptLoss(handle, name))
      ),
    verify: (verifyOptions) =>
      checked("Lib.verify", verifyOptions, verifyChecks, ({ handle, report: { tornTail }, writer }) =>
        Effect.map(Effect.andThen(handle.guard.checkOpen, verifyLib(handle, verifyOptions)), (verified) =>
          writer === undefined || tornTail === undefined ? verified : { ...verified, tornTail }
        )
      ),
    copy: (to, copyOptions) =>
      checked("Lib.copy", copyOptions, copyChecks, ({ handle }) =>
        Effect.andThen(checkLocation("Lib.copy", to, "to"), copy(handle, to, copyOptions))
      ),
    backup: (target, backupOptions) =>
      checked("Lib.backup", backupOptions, backupChecks, ({ handle }) =>
        Effect.andThen(
          checkLocation("Lib.backup", target, "target"),
          backup(handle, backupOptions?.storage ?? storage, target, backupOptions)
        )
      )
  }
}

/** The sessions of a lib, one after the other. */
export interface ServedSessions extends Access<Session> {
  /** Opens the lib again if its writer has stopped. */
  readonly reopen: Effect.Effect<void, ReopenError>
}

/** Returns the service of an open lib. */
export const serve = (
  sessions: ServedSessions,
  storage: Storage["Service"],
  close: LibService["close"],
  copy: Copy
): LibService => {
  const { location, meta, root } = sessions.current.handle
  const { created, lib: id, limits, placement } = meta.state
  const using = <A, E>(use: (session: Session) => Effect.Effect<A, E>) =>
    withSession<Session, A, E, never>(sessions, use)
  const now = <A>(read: (handle: LibHandle) => A) => Effect.sync(() => read(sessions.current.handle))
  const lib: LibService = {
    id,
    get lineage() {
      return lineageOf(sessions.current.handle.meta.state)
    },
    location,
    get mode() {
      return sessions.current.handle.root.mode === "read" ? "read" : "write"
    },
    created,
    limits,
    placement,
    get report() {
      return sessions.current.report
    },
    tapes: now(({ meta: { state } }) => [...state.tapes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))),
    durable: now(({ journal: { durable } }) => ({ batch: durable.batch, position: durable.position })),
    contains: (place) =>
      now(({ journal, meta: { state } }) => safely(() => containsPlace(state, journal.durable.position, place))),
    checkpoints: Effect.suspend(() => listCheckpoints(sessions.current.handle)),
    stuck: now(({ journal }) => journal.stuck),
    createTape: (name) => using(({ handle }) => createTape(handle, name, "records")),
    archive: (name) => using(({ handle }) => setTapeState(handle, name, "archived")),
    activate: (name) => using(({ handle }) => setTapeState(handle, name, "active")),
    commit: (appends) =>
      using(({ handle, writer }) =>
        writer === undefined
          ? Effect.andThen(handle.guard.check, readOnly(root))
          : Effect.suspend(() => {
              const wrong = wrongAppends(appends)
              return wrong === undefined ? appendRecords(handle, writer.loop, appends) : Effect.fail(wrong)
            })
      ),
    ...maintenance(using, { storage, root, copy }),
    refresh: using(({ handle, writer }) =>
      Effect.andThen(handle.guard.checkOpen, writer === undefined ? refreshReader(handle) : Effect.void)
    ),
    reopen: sessions.reopen,
    close
  }
  register(lib, sessions)
  return lib
}

const readOnly = (root: Root) => Effect.fail(new ReadOnly({ location: root.location }))
