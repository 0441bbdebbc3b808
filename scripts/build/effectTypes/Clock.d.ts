/** The source of time. */
export interface Clock {
  readonly "~opaque": "Clock"
}
