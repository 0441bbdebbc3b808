/** JSON values, as records hold them. */

/** A JSON value. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | JsonObject

/** A JSON object: what a record is. */
export interface JsonObject {
  readonly [key: string]: Json
}
