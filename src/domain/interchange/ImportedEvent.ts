/** An event on its way into a lib, as a line says it. */
import { isStorableTime } from "../base/storableTime.ts"
import { noType } from "../event/eventTexts.ts"
import { checkStreamName } from "../format/Placement.ts"
import { shown } from "../format/checkOptions.ts"
import { BadLine } from "../json/BadLine.ts"
import type { NewEvent } from "../event/Event.ts"

/** The formats of lines. */
export type Format = "jsonl" | "cloudevents"

/** An event that is imported. */
export interface ImportedEvent extends NewEvent {
  /** Stream that it is appended to, such as `order-17`; empty if the line names no stream. */
  readonly stream: string
  /** Names the event within its stream: an event that is there already is not appended again. */
  readonly id: string
  /** When it was first appended, in RFC 3339: the event keeps this time. Default: the time of the import. */
  readonly time?: string
  /** Revision that it had in its stream. Compared only with the option `revisions: "check"`. */
  readonly revision?: number
}

/** Digits of a fraction that a lib keeps. */
const fractionDigits = 3

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])([01]\d|2[0-3]):([0-5]\d))$/

/**
 * Returns a time in the form that a lib stores, UTC with milliseconds: the same instant, without digits after the
 * milliseconds. Returns `undefined` for what is not a time in RFC 3339, and for years that a lib cannot store.
 */
export const storedTime = (text: string): string | undefined => {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number
  ]
  if (hour > 23 || minute > 59 || second > 59 || year < 1969) return undefined
  const local = Date.UTC(year, month - 1, day, hour, minute, second)
  const date = new Date(local)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const millis = Number((match[7] ?? "").slice(0, fractionDigits).padEnd(fractionDigits, "0"))
  const offset = match[8] === undefined ? (Number(match[10]) * 60 + Number(match[11])) * (match[9] === "-" ? -1 : 1) : 0
  const instant = local + millis - offset * 60_000
  return isStorableTime(instant) ? new Date(instant).toISOString() : undefined
}

/**
 * Returns the time of an event in the form that a lib stores.
 *
 * @throws BadLine
 */
export const timeOf = (time: string): string => {
  const stored = typeof time === "string" ? storedTime(time) : undefined
  if (stored !== undefined) return stored
  throw new BadLine(
    `its time is not one in RFC 3339 of the years 1970 to 9999, such as "2026-01-02T03:04:05.678Z"; correct it, or leave it out`
  )
}

/**
 * Checks what an import needs of an event, in addition to what every append checks.
 *
 * @throws BadLine | InvalidStreamName
 */
export const checkImported = (event: ImportedEvent): void => {
  if (typeof event !== "object" || event === null) throw new BadLine("the option map must return an event or undefined")
  const { id, revision, stream, type } = event
  if (stream === "" || stream === undefined) {
    throw new BadLine("it names no stream; give it one, or name one with the option map")
  }
  checkStreamName(stream)
  if (typeof type !== "string" || type === "") throw new BadLine(noType)
  if (typeof id !== "string" || id === "") {
    throw new BadLine("it has no id, by which a repeated import recognises it; give it one that stays the same")
  }
  if (revision !== undefined && !(Number.isSafeInteger(revision) && revision >= 0)) {
    throw new BadLine(`its revision must be a whole number, 0 or more, not ${shown(revision)}`)
  }
}
