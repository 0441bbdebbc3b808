/** Errors of consumers, in addition to those of subscriptions and of storage. */
import * as Shape from "../../domain/base/Shape.ts"
import { TaggedError } from "../../domain/base/TaggedError.ts"

/** The handler has failed on an event, and is not called again for it. The event is not done. */
export class HandlerFailed extends TaggedError<HandlerFailed>("litetapes/HandlerFailed")("HandlerFailed", {
  /** Name of the consumer. */
  consumer: Shape.String,
  /** UUID of the lib, its lineage, and the position of the event: a `Lib.Place`. */
  lib: Shape.String,
  lineage: Shape.String,
  position: Shape.Int,
  /** Name of the event's stream. */
  stream: Shape.String,
  /** Revision of the event in its stream. */
  revision: Shape.Int,
  /** Type of the event, as it is stored. */
  type: Shape.String,
  /** Id of the event. */
  id: Shape.String,
  /** How often the handler was called. */
  attempts: Shape.Int,
  /** The error that it failed with. */
  error: Shape.Unknown
}) {
  override get message() {
    const times = this.attempts === 1 ? "once" : `${this.attempts} times`
    return `consumer ${this.consumer}: the handler failed ${times} on event ${this.position}, ${this.type}, revision ${this.revision} of stream ${JSON.stringify(this.stream)}: ${whyOf(this.error)}. Correct the handler and run it again. A consumer can leave such events out: see its option onPoison.`
  }
}

/** Causes of an error that its message has, at most. */
const causesMax = 4

/** Returns what an error and its causes say, without its last full stop: clients of databases say only there what is wrong. */
export const whyOf = (error: unknown): string => {
  const texts: Array<string> = []
  let one = error
  for (let depth = 0; depth <= causesMax; depth++) {
    const text = one instanceof Error ? one.message || one.name : String(one)
    if (!texts.some((told) => told.includes(text))) texts.push(text.replace(/\.$/, ""))
    if (!(one instanceof Error) || one.cause === undefined || one.cause === null) break
    one = one.cause
  }
  return texts.join(": ")
}

/** The stored checkpoint of the consumer is damaged, or belongs to something else. Nothing was handled. */
export class CheckpointInvalid extends TaggedError<CheckpointInvalid>("litetapes/CheckpointInvalid")(
  "CheckpointInvalid",
  {
    /** Name of the consumer. */
    consumer: Shape.String,
    /** Where the checkpoint is kept. */
    place: Shape.String,
    /** The entry that cannot be used: `checkpoint`, or `parked-` and the position of a parked event. */
    key: Shape.String,
    /** Why it cannot be used. */
    why: Shape.String
  }
) {
  override get message() {
    const loss = this.key === "checkpoint" ? "to handle all events again" : "to forget the parked event"
    return `consumer ${this.consumer}: ${this.key} in ${this.place} cannot be used: ${this.why}. Put the right one there, or remove it ${loss}.`
  }
}

/** A newer version of the consumer has a checkpoint. Nothing was handled. */
export class NewerConsumer extends TaggedError<NewerConsumer>("litetapes/NewerConsumer")("NewerConsumer", {
  /** Name of the consumer. */
  consumer: Shape.String,
  /** Version of the consumer that was started. */
  version: Shape.Int,
  /** Version of the consumer that wrote the checkpoint. */
  stored: Shape.Int
}) {
  override get message() {
    return `consumer ${this.consumer} has version ${this.version}, but its checkpoint is of version ${this.stored}. Run the newer version, or give this one another name.`
  }
}

/** The consumer has stopped, so the call cannot succeed. Run the consumer again. */
export class ConsumerStopped extends TaggedError<ConsumerStopped>("litetapes/ConsumerStopped")("ConsumerStopped", {
  /** Name of the consumer. */
  consumer: Shape.String,
  /** Why it has stopped. */
  why: Shape.String
}) {
  override get message() {
    return `consumer ${this.consumer} has stopped: ${this.why}. Run it again.`
  }
}

/** The consumer has not parked an event at this position. `parked` lists those that it has. */
export class NotParked extends TaggedError<NotParked>("litetapes/NotParked")("NotParked", {
  /** Name of the consumer. */
  consumer: Shape.String,
  /** Position that was given. */
  position: Shape.Int
}) {
  override get message() {
    return `consumer ${this.consumer} has no parked event at position ${this.position}. Call parked for the events that it has parked.`
  }
}
