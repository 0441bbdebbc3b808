/** A span. This package never makes one. */
export interface AnySpan {
  readonly "~opaque": "AnySpan"
}
