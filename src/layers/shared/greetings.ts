/** The first frame of each end of a connection: who it is. Both ends must be of the same release. */
import { is } from "../../domain/base/readShape.ts"
import * as Shape from "../../domain/base/Shape.ts"
import { parseTrusted } from "../../domain/json/TaraSON.ts"

/** What a process that appends says first. */
const Caller = Shape.Struct({
  litetapes: Shape.Literal("caller"),
  release: Shape.String,
  /** UUID of the store that sends, for as long as it is open: a request is known by it and by its number. */
  caller: Shape.NonEmptyString
})
export type Caller = typeof Caller.Type

/** What the process of the writer answers. */
const Writer = Shape.Struct({
  litetapes: Shape.Literal("writer"),
  release: Shape.String,
  /** Id of its process, for messages. */
  pid: Shape.Int,
  /** UUID of the lib. */
  lib: Shape.NonEmptyString
})
export type Writer = typeof Writer.Type

const isCaller = is(Caller)
const isWriter = is(Writer)

const read = <A>(isOne: (value: unknown) => value is A, text: string): A | undefined => {
  try {
    const value: unknown = parseTrusted(text)
    return isOne(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const readCaller = (text: string): Caller | undefined => read(isCaller, text)
export const readWriter = (text: string): Writer | undefined => read(isWriter, text)

/** Returns why two releases do not work together; `undefined` if they do. */
export const whyOtherRelease = (ours: string, { pid, release }: Writer): string | undefined =>
  release === ours
    ? undefined
    : `the writer is process ${pid}, which runs litetapes ${release}, and this process runs ${ours}. Use the same release in all of them; once the processes of the other one have ended, this one becomes the writer.`
