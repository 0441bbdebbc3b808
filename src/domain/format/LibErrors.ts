/** Errors of opening a lib, of its writer, and of its backups. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"

/** The location cannot be opened as a lib: it does not exist, contains something else, or has lost its lib meta. */
export class LibInvalid extends TaggedError<LibInvalid>("litetapes/LibInvalid")("LibInvalid", {
  location: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `${this.location} is not a lib: ${this.why}`
  }
}

/**
 * There is no lib at the location, and `create: "never"` makes none. Check the path, and whether the volume is mounted.
 */
export class LibNotFound extends TaggedError<LibNotFound>("litetapes/LibNotFound")("LibNotFound", {
  location: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `there is no lib at ${this.location}, and create "never" makes none: ${this.why}. A volume that it is on may not be mounted.`
  }
}

/** There is a lib at the location, but `create: "must"` asks for a new one. */
export class LibExists extends TaggedError<LibExists>("litetapes/LibExists")("LibExists", {
  location: Shape.String
}) {
  override get message() {
    return `there is a lib at ${this.location} already, and create is "must". Choose another place, or open the lib with create "never".`
  }
}

/** The writer that has a lib open, as it noted itself. */
export const LockHolder = Shape.Struct({
  /** Whether it is in this very process: it was opened twice, or code was reloaded without closing the lib. */
  here: Shape.Boolean,
  /** Name of its host. */
  host: Shape.String,
  /** Id of its process. */
  pid: Shape.Int,
  /** When it opened the lib, in ISO 8601. */
  since: Shape.String
})
export type LockHolder = typeof LockHolder.Type

/** Another writer has the lib open. Wait until it closes, or open the lib with `mode: "read"`. */
export class LibLocked extends TaggedError<LibLocked>("litetapes/LibLocked")("LibLocked", {
  location: Shape.String,
  /** The writer; absent if it is not known, such as while it is just opening the lib. */
  holder: Shape.optionalKey(LockHolder)
}) {
  override get message() {
    const { holder, location } = this
    if (holder === undefined) {
      return `${location} is open for writing in another process, or twice in this one. Wait until it is closed there, or open it with mode "read".`
    }
    const { here, host, pid, since } = holder
    return here
      ? `${location} is open for writing in this very process (${pid}) since ${since}. Use that lib, or close it first; open it once and share it.`
      : `${location} is open for writing in process ${pid} on ${host} since ${since}. Wait until it is closed there, or open it with mode "read".`
  }
}

/** The lib was opened for reading, or its location cannot be written to. */
export class ReadOnly extends TaggedError<ReadOnly>("litetapes/ReadOnly")("ReadOnly", {
  location: Shape.String
}) {
  override get message() {
    return `${this.location} is open for reading only. Open it with mode "write" to change it.`
  }
}

/**
 * The lib has closed: with its scope, by `close`, or because it is opened again after its writer stopped. Then `why`
 * says whether that succeeded, and what to do.
 */
export class LibClosed extends TaggedError<LibClosed>("litetapes/LibClosed")("LibClosed", {
  location: Shape.String,
  /** Present only after the writer stopped: whether the lib is open again, and what to do. */
  why: Shape.optionalKey(Shape.String)
}) {
  override get message() {
    return this.why === undefined
      ? `${this.location} has been closed. Close it only after its last use, or open it again.`
      : `${this.location} was closed because its writer had stopped, ${this.why}`
  }
}

/** The lib was created with other settings than those it is opened with. Settings are fixed when a lib is created. */
export class SettingsMismatch extends TaggedError<SettingsMismatch>("litetapes/SettingsMismatch")("SettingsMismatch", {
  location: Shape.String,
  setting: Shape.String,
  stored: Shape.String,
  given: Shape.String
}) {
  override get message() {
    return `${this.location} was created with ${this.setting} ${this.stored}, but is opened with ${this.given}. Leave the setting out, or give the stored value; lib.copy makes a lib with another one.`
  }
}

/** A setting of a new lib, or of one that is recovered, is not valid. Nothing was created or changed. */
export class InvalidSettings extends TaggedError<InvalidSettings>("litetapes/InvalidSettings")("InvalidSettings", {
  location: Shape.String,
  setting: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `${this.location} cannot be created or recovered: ${this.setting} ${this.why}. Correct the setting and try again.`
  }
}

/** The lib changed during each of the reader's eight attempts to get a consistent view. */
export class ReaderBusy extends TaggedError<ReaderBusy>("litetapes/ReaderBusy")("ReaderBusy", {
  location: Shape.String
}) {
  override get message() {
    return `${this.location} changed during each attempt to read a consistent view of it. Try again.`
  }
}

/** One batch has more bytes than the lib's limit. */
export class BatchTooLarge extends TaggedError<BatchTooLarge>("litetapes/BatchTooLarge")("BatchTooLarge", {
  bytes: Shape.Int,
  batchBytesMax: Shape.Int
}) {
  override get message() {
    return `the batch has ${this.bytes} bytes, but the limit is ${this.batchBytesMax}. Split it, or create a lib with a higher batchBytesMax.`
  }
}

/**
 * A write or a sync failed while the batch was being committed. After the lib is opened again, the batch is there whole
 * or not at all. Call `lib.reopen` and check.
 */
export class CommitOutcomeUnknown extends TaggedError<CommitOutcomeUnknown>("litetapes/CommitOutcomeUnknown")(
  "CommitOutcomeUnknown",
  { location: Shape.String, cause: Shape.String }
) {
  override get message() {
    return `it is unknown whether the batch was committed to ${this.location} (${this.cause}). Reopen the lib with lib.reopen. Then repeat an append of events with the same ids; of records, check first whether the batch is there.`
  }
}

/**
 * An earlier write or sync failed, so this writer has stopped for good. Reads continue. Call `lib.reopen` to write again.
 * If that was tried and failed, `reopening` says why; until it succeeds, reads fail with `LibClosed`.
 */
export class WriterPoisoned extends TaggedError<WriterPoisoned>("litetapes/WriterPoisoned")("WriterPoisoned", {
  location: Shape.String,
  cause: Shape.String,
  /** Message of the error that the last attempt to open the lib again failed with. */
  reopening: Shape.optionalKey(Shape.String)
}) {
  override get message() {
    const stopped = `the writer of ${this.location} stopped after an earlier failure (${this.cause})`
    return this.reopening === undefined
      ? `${stopped}. Call lib.reopen, or close the lib and open it again.`
      : `${stopped}, and the lib could not be opened again: ${withoutStop(this.reopening)}. Call lib.reopen to try again.`
  }
}

/** Returns a message without its last full stop, so that a sentence can continue after it. */
const withoutStop = (message: string): string => message.replace(/\.$/, "")

/** The lib is a backup: readers may open it, but nobody may write to it. */
export class LibIsBackup extends TaggedError<LibIsBackup>("litetapes/LibIsBackup")("LibIsBackup", {
  location: Shape.String,
  /** Time of the backup, in ISO 8601. */
  time: Shape.String
}) {
  override get message() {
    return `${this.location} is a backup, made ${this.time}, and is not written to. Open it with mode "read", or make a lib of it in another place with Lib.restore.`
  }
}

/**
 * A backup or a restore into this place was interrupted, or is running. If `restorable`, the backup before it can still
 * be restored; otherwise the place holds no state yet.
 */
export class BackupUnfinished extends TaggedError<BackupUnfinished>("litetapes/BackupUnfinished")("BackupUnfinished", {
  location: Shape.String,
  restorable: Shape.Boolean
}) {
  override get message() {
    const next = this.restorable
      ? "Run the backup again, or restore the state before it with Lib.restore."
      : "Run it again: it continues where it stopped."
    return `${this.location}: a backup or restore into this place was interrupted, or is running. ${next}`
  }
}

/** The place is a lib, but not a backup: a backup would overwrite it, and a restore needs a backup. */
export class NotABackup extends TaggedError<NotABackup>("litetapes/NotABackup")("NotABackup", {
  location: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `${this.location} cannot be used for this: ${this.why}`
  }
}

/** What refers to a lib from outside, such as a backup of it, has another history than the lib. Nothing was changed. */
export class OtherHistory extends TaggedError<OtherHistory>("litetapes/OtherHistory")("OtherHistory", {
  location: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `${this.location} does not belong to the history of this lib: ${this.why}. Use another place, or the lib that it belongs to.`
  }
}
