/** Lines of iterables, such as those of a file that Node reads by lines. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** Lines of an iterable that are taken together. */
const pageLines = 256

/** Returns the lines as a stream. What is not an iterable is passed on, to be refused. */
export const streamOf = (lines: Iterable<string> | AsyncIterable<string>): Stream.Stream<string, unknown> => {
  const begin = beginningOf(lines)
  if (begin === undefined) return lines as never
  const iterator = Effect.acquireRelease(Effect.sync(begin), (its) => Effect.promise(async () => its.return?.()))
  return Stream.unwrap(
    Effect.map(iterator, (its) =>
      Stream.paginate(its, () => Effect.tryPromise({ try: () => pageOf(its), catch: (error) => error }))
    )
  )
}

type AnyIterator = Iterator<string> | AsyncIterator<string>

const pageOf = async (iterator: AnyIterator) => {
  const page: Array<string> = []
  while (page.length < pageLines) {
    const { done, value } = await iterator.next()
    if (done === true) return [page, Option.none<AnyIterator>()] as const
    page.push(value)
  }
  return [page, Option.some(iterator)] as const
}

/** Returns a function that begins to iterate. A text is an iterable of its characters, which nobody means. */
const beginningOf = (lines: unknown): (() => AnyIterator) | undefined => {
  if (typeof lines !== "object" || lines === null) return undefined
  try {
    const begin: unknown = Reflect.get(lines, Symbol.asyncIterator) ?? Reflect.get(lines, Symbol.iterator)
    return typeof begin === "function" ? () => begin.call(lines) as AnyIterator : undefined
  } catch {
    return undefined
  }
}
