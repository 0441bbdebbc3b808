/** A number of permits. */
export interface Semaphore {
  readonly "~opaque": "Semaphore"
}
