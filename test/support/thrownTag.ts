/** Returns the tag of the error that a call throws, or its text if it has no tag; `undefined` if it throws nothing. */
export const thrownTag = (call: () => unknown): string | undefined => {
  try {
    call()
    return undefined
  } catch (error) {
    return (error as { readonly _tag?: string })._tag ?? String(error)
  }
}
