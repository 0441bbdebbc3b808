/** One entry of an append, encoded and checked, and what was found out about it before its batch is formed. */
import type { EncodedEvent } from "../../domain/event/Event.ts"
import type { ExpectedRevision } from "../../domain/event/EventErrors.ts"
import type { PlannedCommand } from "./Command.ts"
import type { StreamState, Watch } from "./StreamStates.ts"

/** The events of a call for one stream, and the state that it expects. */
export class PlannedAppend {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: Array<EncodedEvent>
  /** Ids that the caller gave or that its command gives, which the stream may have already. */
  readonly given: ReadonlySet<string>
  /** The command of the call. It may have been done before, with other events than these. */
  readonly command: PlannedCommand | undefined
  /** Pinned once the stream was looked up. */
  state!: StreamState
  /** Events with these ids that were found before the batch was formed. */
  readonly found: Map<string, FoundEvent>
  watch: Watch | undefined = undefined

  constructor(
    stream: string,
    expected: ExpectedRevision,
    events: Array<EncodedEvent>,
    given: ReadonlySet<string>,
    command: PlannedCommand | undefined
  ) {
    this.stream = stream
    this.expected = expected
    this.events = events
    this.given = given
    this.command = command
    this.found = this.mayRepeat ? new Map() : noneFound
  }

  /** Whether ids have to be looked up: events of this append may be known already. */
  get mayRepeat(): boolean {
    return this.given.size > 0 || this.command !== undefined
  }
}

export interface FoundEvent {
  readonly content: string
  readonly revision: number
  readonly position: number
}

const noneFound: PlannedAppend["found"] = new Map()
