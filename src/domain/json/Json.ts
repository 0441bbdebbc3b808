/** JSON values, as records contain them. */

/** A JSON value. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | JsonObject

/** A JSON object. Every record is one. */
export interface JsonObject {
  readonly [key: string]: Json
}
