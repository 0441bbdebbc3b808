/** What the command uses of its process, so that tests can run it within theirs. */

/** Where text goes: standard output or standard error. */
export interface Sink {
  /** Writes text. Calls `done` once more may be written, with an error if nobody reads it any more. */
  readonly write: (text: string, done: (error?: Error | null) => void) => void
  readonly isTerminal: boolean
  /** Columns of the terminal; asked each time, because its window may change. */
  readonly columns: () => number | undefined
}

/** What the command uses of its process. */
export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly stdin: {
    readonly isTerminal: boolean
    /**
     * Lines without their newlines, from where the last call ended. Throws `Usage` for one that is not UTF-8; the next
     * one can be read all the same.
     */
    readonly lines: () => AsyncIterable<string>
  }
  readonly env: { readonly [name: string]: string | undefined }
}
