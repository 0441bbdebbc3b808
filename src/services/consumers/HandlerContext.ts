/** Gives a handler the checkpoint of its event. */
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import type { AppendCheckpoint } from "../streams/GivenCheckpoint.ts"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import type { Handling } from "./Handling.ts"

/** What the checkpoint is made of. */
interface Of {
  readonly definition: Pick<Definition<never, never>, "name" | "version">
  readonly entries: ClaimedEntries
  readonly source: EventSource
  readonly state: ConsumerState
}

/** Makes the checkpoint when the handler asks for it, with everything that is done by then. */
export class HandlerContext implements Handling {
  readonly #of: Of
  readonly #position: number

  constructor(of: Of, { position }: RecordedEvent) {
    this.#of = of
    this.#position = position
  }

  get checkpoint(): AppendCheckpoint {
    const { definition, entries, source, state } = this.#of
    if (entries.inLib === undefined) {
      const why = `is there only if the checkpoints are kept in the lib, not in ${entries.place}: provide CheckpointStore.layerLib`
      throw new InvalidArgument({ call: "handler", argument: "checkpoint", why })
    }
    const { done, low } = state.progress
    const { lib, lineage } = source.place(low)
    return { consumer: definition.name, version: definition.version, lib, lineage, position: this.#position, low, done }
  }
}
