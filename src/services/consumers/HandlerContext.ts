/** Gives a handler the checkpoint of its event, and recognises calls that the handler makes. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import type { AppendCheckpoint } from "../streams/GivenCheckpoint.ts"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"
import type { Handling } from "./Handling.ts"

/** What the checkpoint is made of. */
interface Of {
  readonly definition: { readonly name: string; readonly version: number }
  readonly entries: ClaimedEntries
  readonly source: EventSource
  readonly state: ConsumerState
}

/** Makes the checkpoint when the handler asks for it, with everything that is done by then. */
export class HandlerContext implements Handling {
  readonly #of: Of
  readonly position: number
  /** Whether a parked event is replayed: it counts as done already. */
  readonly isReplay: boolean
  /** Whether the call has ended. */
  isOver = false
  /** Set if the handler asked for a checkpoint that there is not: no attempt of it can succeed. */
  refused: InvalidArgument | undefined

  constructor(of: Of, { position }: RecordedEvent, isReplay: boolean) {
    this.#of = of
    this.position = position
    this.isReplay = isReplay
  }

  get checkpoint(): AppendCheckpoint {
    const { definition, entries, source, state } = this.#of
    if (entries.inLib === undefined) {
      const why = `is there only if the checkpoints are kept in the lib, not in ${entries.place}: provide CheckpointStore.layerLib (without Effect: checkpoints: "lib")`
      this.refused = new InvalidArgument({ call: "handler", argument: "checkpoint", why })
      throw this.refused
    }
    const { done, low } = state.progress
    const { lib, lineage } = source.place(low)
    return { consumer: definition.name, version: definition.version, lib, lineage, position: this.position, low, done }
  }

  /** Whether this is a call of the handler of that consumer, and runs. */
  isCallOf(state: ConsumerState): boolean {
    return this.#of.state === state && !this.isOver
  }
}

/** Whether a handler is called for a parked event, whose checkpoint no append would accept. */
export const isReplay = (handling: Handling): boolean => handling instanceof HandlerContext && handling.isReplay

/** The call of a handler that a fibre belongs to. */
export const CurrentCall: Context.Reference<HandlerContext | undefined> = Context.Reference<HandlerContext | undefined>(
  "litetapes/Consumer/CurrentCall",
  { defaultValue: () => undefined }
)

/** The call of the handler of this consumer that asks; `undefined` for everybody else. */
export const callOf = (state: ConsumerState): Effect.Effect<HandlerContext | undefined> =>
  Effect.withFiber((fiber) => {
    const call = fiber.getRef(CurrentCall)
    return Effect.succeed(call?.isCallOf(state) === true ? call : undefined)
  })
