/** Tags, and types, whose hashes are equal although they differ: made for the hash of terms, which is not cryptographic. */
import * as assert from "node:assert/strict"
import { hashTag, hashType } from "../../src/domain/segment/terms.ts"

export const collidingTags = [
  "6_k60KlSXC7vOgMkdS8bNnhrLjhrqL3WNOdAjOk4hJCb8m9ZVPdrBL0m-t5qsGk0-l9jGxdN",
  "MD6k0KlSXC7vDL06dS8bw77MKM5OqL3WWV1tjOk4hJCb8m9ZVPdrEke84-hLzn8c-l9jGxdN"
] as const

export const collidingTypes = [
  "hLgdRm6gL4BBfnWBXM9OfxAjwhFAqAgcF60bRllZLv3bVk1omCdcFO7wtL-B87b51P9gH87Q",
  "ae21I6YHL4BBfnWBXM9OfxAjwhFAqAgcF60bRllZLv3bVk1otZ1V_VdDtL-B7x-Z1P9gH87Q"
] as const

assert.strictEqual(hashTag(collidingTags[0]), hashTag(collidingTags[1]))
assert.strictEqual(hashType(collidingTypes[0]), hashType(collidingTypes[1]))
