/** A duration. */
export interface Duration {
  readonly "~opaque": "Duration"
}

/** A unit of time. */
export type Unit =
  | "nano"
  | "nanos"
  | "micro"
  | "micros"
  | "milli"
  | "millis"
  | "second"
  | "seconds"
  | "minute"
  | "minutes"
  | "hour"
  | "hours"
  | "day"
  | "days"
  | "week"
  | "weeks"

/** A number of milliseconds, or a text such as `"5 seconds"`. */
export type Input = Duration | number | `${number} ${Unit}`
