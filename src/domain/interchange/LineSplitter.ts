/** Splits the pieces of a file into lines, and knows where each of them is. */
import { newline } from "../format/Format.ts"

/** Where a line begins. */
export interface LinePlace {
  /** Number of the line, from 1. */
  readonly line: number
  /** Offset of its first byte. */
  readonly byte: number
}

/** A line of the input. */
export interface FoundLine extends LinePlace {
  /** Its bytes without the newline, valid until the next line is asked for; `undefined` if it is longer than allowed. */
  readonly bytes: Uint8Array | undefined
  /** Where the next line begins. */
  readonly end: number
  /** Whether it ends with a newline. */
  readonly isEnded: boolean
}

export class LineSplitter {
  readonly #bytesMax: number
  #line: number
  /** Offset of the line that is being gathered. */
  #byte: number
  /** Earlier pieces of it; empty once it is longer than allowed. */
  #pieces: Array<Uint8Array> = []
  #bytes = 0

  /** `place` is where the input begins. Lines of more than `bytesMax` bytes are not kept. */
  constructor(bytesMax: number, { byte, line }: LinePlace) {
    this.#bytesMax = bytesMax
    this.#line = line
    this.#byte = byte
  }

  /** Where the next line begins. */
  get place(): LinePlace {
    return { line: this.#line, byte: this.#byte }
  }

  /** Returns the lines that end in a piece. All of them must be taken before the next piece is given. */
  *push(piece: Uint8Array): Generator<FoundLine, void> {
    let start = 0
    for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, start)) {
      const line = this.#take(piece.subarray(start, at), 1)
      start = at + 1
      yield line
    }
    if (start < piece.length) this.#keep(piece.subarray(start))
  }

  /** Returns the last line, if it has no newline. */
  *end(): Generator<FoundLine, void> {
    if (this.#bytes > 0) yield this.#take(new Uint8Array(0), 0)
  }

  #take(last: Uint8Array, newlines: number): FoundLine {
    const length = this.#bytes + last.length
    const bytes = length > this.#bytesMax ? undefined : this.#joined(last, length)
    const { byte, line } = this.place
    this.#line += newlines
    this.#byte += length + newlines
    this.#pieces = []
    this.#bytes = 0
    return { line, byte, bytes, end: this.#byte, isEnded: newlines > 0 }
  }

  #joined(last: Uint8Array, length: number): Uint8Array {
    if (this.#pieces.length === 0) return last
    const joined = new Uint8Array(length)
    let at = 0
    for (const piece of [...this.#pieces, last]) {
      joined.set(piece, at)
      at += piece.length
    }
    return joined
  }

  /** Copies the beginning of a line: the owner of the piece may use its memory again. */
  #keep(piece: Uint8Array): void {
    this.#bytes += piece.length
    if (this.#bytes > this.#bytesMax) this.#pieces = []
    else this.#pieces.push(piece.slice())
  }
}
