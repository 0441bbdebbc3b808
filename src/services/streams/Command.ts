/** The command of a call: gives the events of the call their ids, and knows the ids of events that it may have made. */
import { commandEventId } from "../../domain/event/commandIds.ts"

export class Command {
  readonly id: string
  /** Number of events of the call so far, by stream. */
  readonly #counts = new Map<string, number>()

  constructor(id: string) {
    this.id = id
  }

  /** Begins an entry of the call for a stream, which may have several. */
  plan(stream: string): PlannedCommand {
    return new PlannedCommand(this, stream, this.countOf(stream))
  }

  /** Returns the id of the next event of a stream. */
  nextId(stream: string): string {
    const count = this.countOf(stream)
    this.#counts.set(stream, count + 1)
    return this.idAt(stream, count)
  }

  countOf(stream: string): number {
    return this.#counts.get(stream) ?? 0
  }

  idAt(stream: string, index: number): string {
    return commandEventId(stream, this.id, index)
  }
}

/** The command, for one entry of its call. */
export class PlannedCommand {
  readonly #command: Command
  readonly #stream: string
  /** Index of the entry's first event among those of the call for this stream. */
  readonly from: number

  constructor(command: Command, stream: string, from: number) {
    this.#command = command
    this.#stream = stream
    this.from = from
  }

  /** Id of the command. */
  get id(): string {
    return this.#command.id
  }

  idAt(index: number): string {
    return this.#command.idAt(this.#stream, index)
  }

  /**
   * Returns the ids, without end, that the command gives after the `count` events of this entry; none unless it is the
   * last entry of its stream.
   */
  *laterIds(count: number): Generator<string, void> {
    if (this.from + count < this.#command.countOf(this.#stream)) return
    for (let index = this.from + count; ; index++) yield this.idAt(index)
  }
}
