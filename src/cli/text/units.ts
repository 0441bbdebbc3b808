/** Numbers, sizes and times as people read them. */

const sizes = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

/** Returns a number of bytes, such as `1.4 MiB`. */
export const bytes = (count: number): string => {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < sizes.length - 1) {
    value /= 1024
    unit += 1
  }
  // What rounds to the next unit is shown in it.
  if (unit > 0 && unit < sizes.length - 1 && value >= 1023.5) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${sizes[unit]}`
}

/** Returns a whole number with commas between groups of three digits, such as `1,000,000`. */
export const count = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",")

/** Returns a number and its noun, such as `1 event` or `2 events`. */
export const counted = (value: number, noun: string, plural = `${noun}s`): string =>
  `${count(value)} ${value === 1 ? noun : plural}`

/** Returns a time in ISO 8601 to the second, such as `2026-11-30 23:12:13Z`. */
export const time = (iso: string): string => iso.replace("T", " ").replace(/\.\d+Z$/, "Z")

/** Returns a duration in its two largest units, such as `2 min 5 s`. */
export const duration = (millis: number): string => {
  const seconds = Math.round(millis / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** Returns a rate, such as `1,200 a second` or `3.1 a day`. */
export const rate = (events: number, millis: number): string => {
  if (millis <= 0) return "—"
  const perSecond = (events * 1000) / millis
  for (const [unit, seconds] of [
    ["second", 1],
    ["minute", 60],
    ["hour", 3600]
  ] as const) {
    if (perSecond * seconds >= 1) return `${shortNumber(perSecond * seconds)} a ${unit}`
  }
  return `${shortNumber(perSecond * 86_400)} a day`
}

const shortNumber = (value: number): string => (value >= 100 ? count(Math.round(value)) : value.toFixed(1))

/** Returns a share in percent. */
export const percent = (part: number, whole: number): string =>
  whole <= 0 ? "100 %" : `${Math.floor(Math.min(1, part / whole) * 100)} %`
