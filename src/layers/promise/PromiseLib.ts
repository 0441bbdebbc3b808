/** What an open lib offers to callers without Effect: what it is, its tapes as a whole, and its maintenance. */
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { EventStore } from "../../services/EventStore.ts"
import type * as Lib from "../../services/Lib.ts"
import { callChecks } from "./callChecks.ts"
import { type CallOptions, forServices, type LongCallOptions } from "./CallOptions.ts"
import type { Runs } from "./Runs.ts"

/** An open lib, for callers without Effect. Each method does what the one of `Lib` does. */
export interface PromiseLib {
  /** UUID of the lib. */
  readonly id: string
  /** UUID of the lineage: the id of the lib until its first restore, then a new one for each restore. */
  readonly lineage: string
  /** Location as it was opened, such as the path of a folder. */
  readonly location: string
  /** `write` for the lib's one writer, `read` for a reader. */
  readonly mode: "write" | "read"
  /** Time of creation, in ISO 8601. */
  readonly created: string
  /** Limits that the lib was created with. */
  readonly limits: Lib.Limits
  /** Placement of streams on tapes that the lib was created with. */
  readonly placement: Lib.Placement
  /** Report of the last opening: creation, takeover after an interrupted writer, warnings. */
  readonly report: Lib.OpenReport
  /** Returns all tapes by name, including archived ones. Reads nothing. */
  readonly tapes: () => Promise<ReadonlyArray<Lib.TapeListing>>
  /** Returns the last durable batch and the position of the next event. Reads nothing. */
  readonly durable: () => Promise<Lib.Durable>
  /** Returns whether the event at `place` is in the history of this lib, as far as it goes now. Reads nothing. */
  readonly contains: (place: Lib.Place) => Promise<boolean>
  /** Returns how far the consumers are whose checkpoints are kept in this lib, by name. Reads nothing. */
  readonly checkpoints: () => Promise<ReadonlyArray<Lib.ConsumerCheckpoint>>
  /** Returns the dynamic segments that cannot be closed, oldest first, and why. */
  readonly stuck: () => Promise<ReadonlyArray<Lib.StuckFile>>
  /** Appends records to several tapes as one batch, and resolves with their receipts once they are durable. */
  readonly commit: (appends: ReadonlyArray<Lib.Append>, options?: CallOptions) => Promise<ReadonlyArray<Lib.Receipt>>
  /** Archives a tape: from now on it refuses appends with `TapeArchived`. It can still be read. */
  readonly archive: (tape: string, options?: CallOptions) => Promise<void>
  /** Activates an archived tape: it accepts appends again. */
  readonly activate: (tape: string, options?: CallOptions) => Promise<void>
  /**
   * Moves a reader's view to what is acknowledged now. The view never moves back. Does nothing in a writer. Rejects with
   * `ReaderBusy` if the lib changes faster than it can be read: try again.
   */
  readonly refresh: (options?: CallOptions) => Promise<void>
  /** Checks the whole lib from the disk and lists every defect. Does not reject because of one: see `ok` of the report. */
  readonly verify: (options?: LongCallOptions<Lib.VerifyOptions>) => Promise<Lib.VerifyReport>
  /** Backs the lib up to another place while it is in use: see `Lib.backup`. `restore` makes a lib of it again. */
  readonly backup: (target: string, options?: LongCallOptions<Lib.BackupOptions>) => Promise<Lib.BackupReport>
  /** Copies the lib to another place, with another placement or other limits: see `Lib.copy`. */
  readonly copy: (to: string, options?: LongCallOptions<Lib.CopyOptions>) => Promise<Lib.CopyReport>
  /** Recovers a tape that lost its meta, or whose meta is damaged: see `Lib.recoverTape`. */
  readonly recoverTape: (tape: string, options?: LongCallOptions<object>) => Promise<Lib.RecoverReport>
  /** Salvages a tape with damaged or missing segments: see `Lib.salvageTape`. */
  readonly salvageTape: (tape: string, options?: LongCallOptions<Lib.SalvageOptions>) => Promise<Lib.SalvageReport>
  /** Accepts everything that a tape has lost: see `Lib.acceptLoss`. */
  readonly acceptLoss: (tape: string, options?: CallOptions) => Promise<void>
  /**
   * Opens the lib again after its writer has stopped (`CommitOutcomeUnknown`, `WriterPoisoned`), else does nothing. This
   * store, its tapes and categories can then be used as before. Append again with the same event ids. The option
   * `reopen: true` does this by itself. An attempt continues if its caller aborts.
   */
  readonly reopen: (options?: CallOptions) => Promise<void>
}

/** Makes the lib. Its getters show the present session. */
export const makeLib = (runs: Runs<EventStore | Lib.Lib>, lib: Lib.LibService): PromiseLib => {
  const made: PromiseLib = {
    id: lib.id,
    get lineage() {
      return lib.lineage
    },
    location: lib.location,
    get mode() {
      return lib.mode
    },
    created: lib.created,
    limits: lib.limits,
    placement: lib.placement,
    get report() {
      return lib.report
    },
    tapes: () => runs.run("read", "PromiseStore.tapes", undefined, () => lib.tapes),
    durable: () => runs.run("read", "PromiseStore.durable", undefined, () => lib.durable),
    contains: (place) => runs.run("read", "PromiseStore.contains", undefined, () => lib.contains(place)),
    checkpoints: () => runs.run("read", "PromiseStore.checkpoints", undefined, () => lib.checkpoints),
    stuck: () => runs.run("read", "PromiseStore.stuck", undefined, () => lib.stuck),
    commit: (appends, options) =>
      runs.run("append", "PromiseStore.commit", options, () => lib.commit(appends), callChecks),
    archive: (tape, options) =>
      runs.run("change", "PromiseStore.archive", options, () => lib.archive(tape), callChecks),
    activate: (tape, options) =>
      runs.run("change", "PromiseStore.activate", options, () => lib.activate(tape), callChecks),
    refresh: (options) => runs.run("read", "PromiseStore.refresh", options, () => lib.refresh, callChecks),
    verify: (options) => runs.run("read", "PromiseStore.verify", options, () => lib.verify(forServices(options))),
    backup: (target, options) =>
      runs.run("change", "PromiseStore.backup", options, () => lib.backup(target, forServices(options))),
    copy: (to, options) => runs.run("change", "PromiseStore.copy", options, () => lib.copy(to, forServices(options))),
    recoverTape: (tape, options) =>
      runs.run("change", "PromiseStore.recoverTape", options, () => lib.recoverTape(tape, forServices(options))),
    salvageTape: (tape, options) =>
      runs.run("change", "PromiseStore.salvageTape", options, () => lib.salvageTape(tape, forServices(options))),
    acceptLoss: (tape, options) =>
      runs.run("change", "PromiseStore.acceptLoss", options, () => lib.acceptLoss(tape), callChecks),
    reopen: (options) => runs.run("change", "PromiseStore.reopen", options, () => lib.reopen, callChecks)
  }
  libs.set(made, lib)
  return made
}

const libs = new WeakMap<PromiseLib, Lib.LibService>()

/** Returns the service of an open lib. Throws `InvalidArgument` for anything else. */
export const libOf = (call: string, argument: string, made: PromiseLib): Lib.LibService => {
  const lib = libs.get(made)
  if (lib !== undefined) return lib
  throw new InvalidArgument({ call, argument, why: "must be an open store: pass one that PromiseStore.open returned" })
}
