/** Boundaries: up to where the events of a lib were taken into account by a decision. */
import { InvalidArgument } from "../format/CallErrors.ts"
import { shown } from "../format/checkOptions.ts"
import { endOfLineage, type LibState } from "../meta/LibState.ts"

/** Format of an encoded boundary: version, lib, lineage, position, and whether events were left out. */
const form = /^b1\.([0-9a-f-]{36})\.([0-9a-f-]{36})\.(0|[1-9]\d{0,15})(\.partial)?$/

interface Fields {
  readonly lib: string
  readonly lineage: string
  readonly position: number
  readonly isDecidable: boolean
}

/**
 * The position up to which a query has read: all events below `position` were taken into account. Only a query or
 * `decode` makes a boundary, so a number with another meaning cannot be passed instead. A boundary at position 0
 * includes no event.
 */
export class Boundary {
  /** UUID of the lib; a restore keeps it. */
  readonly lib: string
  /** UUID of the lineage: a restore begins a new one. */
  readonly lineage: string
  /** Number of events that the lib had before the query began to read. */
  readonly position: number
  /** Whether the query returned all events that match. If not, an append cannot use this boundary. */
  readonly isDecidable: boolean
  // Only an object of this class has it.
  readonly #fields: true

  private constructor({ isDecidable, lib, lineage, position }: Fields) {
    this.lib = lib
    this.lineage = lineage
    this.position = position
    this.isDecidable = isDecidable
    this.#fields = true
    Object.freeze(this)
  }

  /** @internal */
  static of(fields: Fields): Boundary {
    return new Boundary(fields)
  }

  /** Returns whether a value is a boundary. */
  static is(value: unknown): value is Boundary {
    return typeof value === "object" && value !== null && #fields in value && value.#fields
  }

  /** Returns a text of the characters `a` to `z`, `0` to `9`, `.` and `-`, for a URL or a form: `decode` reverses it. */
  encode(): string {
    return `b1.${this.lib}.${this.lineage}.${this.position}${this.isDecidable ? "" : ".partial"}`
  }

  /** Returns `encode()`, so that a boundary is a text within JSON. */
  toJSON(): string {
    return this.encode()
  }

  /**
   * Returns the boundary that was encoded as this text. An append checks later whether it belongs to the history of its lib.
   *
   * @throws InvalidArgument if no boundary is encoded like this
   */
  static decode(text: string): Boundary {
    const [, lib, lineage, digits, partial] = (typeof text === "string" ? form.exec(text) : null) ?? []
    const position = Number(digits)
    if (lib === undefined || lineage === undefined || !Number.isSafeInteger(position)) {
      const why = `must be a text that Boundary.encode returned, not ${shown(text)}`
      throw new InvalidArgument({ call: "Boundary.decode", argument: "text", why })
    }
    return new Boundary({ lib, lineage, position, isDecidable: partial === undefined })
  }
}

/** Returns why a boundary is not in the history of a lib whose next event gets position `next`, or `undefined`. */
export const whyNotInHistory = (
  state: Pick<LibState, "branches" | "lib">,
  next: number,
  { lib, lineage, position }: Boundary
): string | undefined => {
  const end = lib === state.lib ? endOfLineage(state, lineage) : undefined
  if (end === undefined || position > end) return `the boundary is from another history than that of lib ${state.lib}`
  return position > next ? `the boundary is ahead: the next event gets position ${next}` : undefined
}
