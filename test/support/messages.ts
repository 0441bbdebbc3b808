import * as assert from "node:assert"

/**
 * Checks the message of an error, and returns the tag. A reason that ends like a sentence gets a second full stop, and
 * often says the same advice twice.
 */
export const checkedTag = (error: unknown): string => {
  const { _tag, message } = error as { readonly _tag: string; readonly message?: string }
  assert.doesNotMatch(message ?? "", /\.\.(\s|$)/, `message of ${_tag}`)
  return _tag
}
