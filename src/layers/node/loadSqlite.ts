/** `node:sqlite`, without its warning. */
import type * as Sqlite from "node:sqlite"

/**
 * Loads `node:sqlite` when it is first needed. Node 24.21 is silent about it. Earlier releases warn that it is
 * experimental, which does not concern our users: that one warning is dropped, during that one call. Throws an error with
 * the code `ENOSQLITE` in a runtime that does not have it.
 */
export const loadSqlite = (): typeof Sqlite => {
  const emitWarning = process.emitWarning
  process.emitWarning = ((warning: string | Error, ...rest: Array<never>) => {
    if (!String(warning).startsWith("SQLite is an experimental feature")) {
      Reflect.apply(emitWarning, process, [warning, ...rest])
    }
  }) as typeof process.emitWarning
  try {
    const found: typeof Sqlite | undefined = process.getBuiltinModule("node:sqlite")
    // A writer without a lock is never allowed.
    if (found === undefined) throw Object.assign(new Error("there is no node:sqlite"), { code: "ENOSQLITE" })
    return found
  } finally {
    process.emitWarning = emitWarning
  }
}
