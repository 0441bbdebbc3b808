/** Errors that `node:sqlite` throws, as a `SqlError` of Effect with its reasons. */
import {
  classifySqliteError,
  SqlError,
  type SqlErrorReason,
  SqlSyntaxError,
  UniqueViolation
} from "effect/sql/SqlError"
import { ConnectionError, UnknownError } from "effect/sql/SqlError"

/** Result codes of SQLite (https://www.sqlite.org/rescode.html). */
const busyCode = 5
const busySnapshotCode = 517
const constraintCode = 19
const cannotOpenCode = 14

/** Texts from which the code is known in a runtime that does not say it, such as Deno. */
const texts: ReadonlyArray<readonly [text: RegExp, code: number]> = [
  [/constraint failed/, constraintCode],
  [/^database (table )?is locked/, busyCode],
  [/^unable to open database file/, cannotOpenCode]
]

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** Returns the extended result code; `undefined` if the error is not one of SQLite. */
const codeOf = (cause: unknown): number | undefined => {
  const { code, errcode } = Object(cause) as { readonly code?: unknown; readonly errcode?: unknown }
  if (typeof errcode === "number") return errcode
  if (code !== "ERR_SQLITE_ERROR") return undefined
  const message = messageOf(cause)
  return texts.find(([text]) => text.test(message))?.[1]
}

/**
 * Whether another connection has the lock, and will give it back. In a transaction that has read an older state of the
 * database waiting does not help: it must begin again.
 */
export const isBusy = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code !== undefined && (code & 0xff) === busyCode && code !== busySnapshotCode
}

/** Returns the error for what an operation of the database threw. */
export const sqlErrorOf = (cause: unknown, operation: string): SqlError =>
  new SqlError({ reason: reasonOf(cause, operation) })

/** Returns the error for a database that could not be opened. SQLite names neither the file nor what is missing. */
export const openingError = (cause: unknown, path: string, mode: "write" | "read"): SqlError => {
  if (((codeOf(cause) ?? 0) & 0xff) !== cannotOpenCode) return sqlErrorOf(cause, "open")
  const needed =
    mode === "read"
      ? "It must exist, and this process must be allowed to read it"
      : "Its folder must exist, and this process must be allowed to write there"
  const message = `SQLite: ${messageOf(cause)}: ${JSON.stringify(path)}. ${needed}`
  return new SqlError({ reason: new ConnectionError({ cause, operation: "open", message }) })
}

/** SQLite has ended a transaction in the middle. `cause` is what it ended it for, if that is known. */
class TransactionEnded extends Error {
  /** That of PostgreSQL for a transaction that runs nothing more (`in_failed_sql_transaction`). */
  readonly code = "25P02"
}

/** Returns the error for a statement of a transaction that SQLite has ended. */
export const endedEarly = (operation: string, cause: unknown): SqlError => {
  const why = cause === undefined ? "" : ` because of ${JSON.stringify(messageOf(cause))}`
  const message = `the transaction is over: SQLite rolled it back${why}, or a statement ended it. Nothing more of it is run; let it fail and begin again`
  return new SqlError({
    reason: new UnknownError({ cause: new TransactionEnded(message, { cause }), operation, message })
  })
}

/** SQLite says it when a transaction of the client commits that is over. */
const noTransactionText = "cannot commit - no transaction is active"
const uniqueText = "UNIQUE constraint failed: "

const reasonOf = (cause: unknown, operation: string): SqlErrorReason => {
  const found = messageOf(cause)
  const code = codeOf(cause)
  const fields = { cause, operation, message: `SQLite: ${found}` }
  if (found === noTransactionText) return endedEarly(operation, undefined).reason
  // Primary keys too, which have another code.
  if (found.startsWith(uniqueText))
    return new UniqueViolation({ ...fields, constraint: found.slice(uniqueText.length) })
  if (/syntax error|^no such |^incomplete input|^unrecognized token/.test(found)) return new SqlSyntaxError(fields)
  switch ((cause as { readonly code?: unknown } | undefined)?.code) {
    case "ERR_INVALID_STATE":
      return new ConnectionError({ ...fields, message: "the database is closed: the scope of its client has ended" })
    case "ENOSQLITE":
      return new ConnectionError({ ...fields, message: "this runtime has no node:sqlite (docs/RUNTIMES.md)" })
    case "ERR_OUT_OF_RANGE":
      return new UnknownError({
        ...fields,
        message: `an integer is too large for a number. Provide SqlClient.SafeIntegers as true to get integers as bigints. ${found}`
      })
    case undefined:
    default:
      if (code === undefined) return new UnknownError(fields)
  }
  const reason = classifySqliteError(Object.assign(cause as object, { errno: code }), fields)
  return reason._tag === "LockTimeoutError"
    ? classifySqliteError(cause, { operation, message: `SQLite: ${found}. ${busyAdvice}` })
    : reason
}

const busyAdvice =
  "Another connection kept its lock for longer than busyTimeout; keep transactions short, or raise busyTimeout"

/** Returns the error for a statement that cannot mean what it says. */
export const refused = (operation: string, message: string): SqlError =>
  new SqlError({ reason: new SqlSyntaxError({ cause: new Error(message), operation, message }) })

/** Returns the error for a value that SQLite cannot store as it is. */
export const unstorable = (message: string): SqlError =>
  new SqlError({ reason: new UnknownError({ cause: new TypeError(message), operation: "bind", message }) })
