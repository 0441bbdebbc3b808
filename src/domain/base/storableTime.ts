/** Times that a lib stores: the years 1970 to 9999, in whole milliseconds (docs/FORMAT.md). */

/** 9999-12-31T23:59:59.999Z. */
export const timeMillisMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Returns whether a time in milliseconds since 1970 can be stored. */
export const isStorableTime = (millis: number): boolean => millis >= 0 && millis < timeMillisMax + 1

/** Returns the nearest time that can be stored. */
export const nearestStorableTime = (millis: number): number =>
  Number.isNaN(millis) ? 0 : Math.floor(Math.min(Math.max(millis, 0), timeMillisMax))
