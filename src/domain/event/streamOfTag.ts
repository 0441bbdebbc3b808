/**
 * Returns the name of the stream that a tag stands for: `course-17` for the tag `course:17`. The first `:` becomes a `-`, so
 * that what is before it is the category. A tag without `:` is the name itself. The name may be one that streams cannot
 * have, such as one with a control character: then the append fails with `InvalidStreamName`.
 *
 * @example
 * ```ts
 * const [event] = decide(state)
 * yield* store.append(EventStore.streamOfTag(event.tags[0]), [event], { condition })
 * ```
 */
export const streamOfTag = (tag: string): string =>
  // What is not a text is refused as the name of a stream.
  typeof tag === "string" ? tag.replace(":", "-") : tag
