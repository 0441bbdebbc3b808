/** Errors of `node:sqlite`, as codes of `DiskError`. */

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html), with the text of `sqlite3_errstr`. */
const results: ReadonlyArray<readonly [errcode: number, text: string, code: string]> = [
  [5, "database is locked", "ELOCKED"], // SQLITE_BUSY
  [6, "database table is locked", "ELOCKED"], // SQLITE_LOCKED
  [8, "attempt to write a readonly database", "EACCES"], // SQLITE_READONLY
  [10, "disk I/O error", "EIO"], // SQLITE_IOERR
  [13, "database or disk is full", "ENOSPC"], // SQLITE_FULL
  [14, "unable to open database file", "ECANTOPEN"], // SQLITE_CANTOPEN, whatever the reason
  [26, "file is not a database", "EUNSAFE"] // SQLITE_NOTADB: the file belongs to somebody else
]

/**
 * Returns the code of an error that `node:sqlite` threw; `undefined` for any other error. Deno does not say the
 * number of the result, only its text.
 */
export const sqliteCode = (cause: unknown): string | undefined => {
  const error = cause as { code?: unknown; errcode?: unknown; message?: unknown } | null | undefined
  if (error?.code !== "ERR_SQLITE_ERROR") return undefined
  const { errcode, message } = error
  // The low byte is the primary code; the other bits add details.
  const isIt =
    typeof errcode === "number"
      ? (number: number) => number === (errcode & 0xff)
      : (_: number, text: string) => String(message).startsWith(text)
  return results.find(([number, text]) => isIt(number, text))?.[2] ?? "EIO"
}
