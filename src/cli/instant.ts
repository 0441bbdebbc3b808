/** Times in arguments. */

/** A date, or a date and a time of day, whose zone is that of UTC unless it is named. */
const iso = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/

/** Returns a time in ISO 8601 in UTC, so that it can be compared with that of an event; `undefined` if it is not one. */
export const parseInstant = (text: string): string | undefined => {
  const found = iso.exec(text)
  if (found === null) return undefined
  const [, year, month, day, clock = "00:00", zone = "Z"] = found
  // The last day of a month is not named by the next month: there is not a 31 February.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  if (Number(day) > days) return undefined
  const date = new Date(`${year}-${month}-${day}T${clock}${zone}`)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
