/** The time for which something is open. */
export interface Scope {
  readonly "~opaque": "Scope"
}

/** A scope that can be closed. */
export interface Closeable extends Scope {}
