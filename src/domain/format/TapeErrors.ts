/** Errors of using a tape that is whole. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { shown } from "./checkOptions.ts"

/** A record does not fit the limits of a copy. Nothing was written. */
export class BeyondLimits extends TaggedError<BeyondLimits>("litetapes/BeyondLimits")("BeyondLimits", {
  tape: Shape.String,
  ordinal: Shape.Int,
  why: Shape.String
}) {
  override get message() {
    return `record ${this.ordinal} of tape ${this.tape} is beyond the limits of the copy: ${this.why}. Copy with higher limits.`
  }
}

/** The lib has no tape of this name. */
export class TapeNotFound extends TaggedError<TapeNotFound>("litetapes/TapeNotFound")("TapeNotFound", {
  tape: Shape.String
}) {
  override get message() {
    return `this lib has no tape ${JSON.stringify(this.tape)}. Check the name, or create the tape first.`
  }
}

/** Returns the error for a name that no tape has, which may not even be a text. */
export const tapeNotFound = (name: unknown): TapeNotFound =>
  new TapeNotFound({ tape: typeof name === "string" ? name : shown(name) })

/** The lib already has a tape of this name. */
export class TapeExists extends TaggedError<TapeExists>("litetapes/TapeExists")("TapeExists", {
  tape: Shape.String
}) {
  override get message() {
    return `this lib already has a tape ${JSON.stringify(this.tape)}. Open that tape, or choose another name.`
  }
}

/** The tape's meta is missing, or does not fit its lib. Restore it from a copy, or recover the tape with a new id. */
export class TapeInvalid extends TaggedError<TapeInvalid>("litetapes/TapeInvalid")("TapeInvalid", {
  tape: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} is invalid: ${this.why}`
  }
}

/** The tape is archived: it can be read. Activate it to append to it. */
export class TapeArchived extends TaggedError<TapeArchived>("litetapes/TapeArchived")("TapeArchived", {
  tape: Shape.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} is archived and refuses appends. Activate it first.`
  }
}

/** The tape belongs to the event store. Only the event store appends to it. */
export class TapeOwned extends TaggedError<TapeOwned>("litetapes/TapeOwned")("TapeOwned", {
  tape: Shape.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} holds events and refuses records. Append to it through the event store.`
  }
}
