/** `litetapes append` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AppendOptions, AppendResult, ExpectedRevision, NewEvent } from "../../services/EventStore.ts"
import { Usage } from "../errors.ts"
import { JsonFlag } from "../flags.ts"
import { storeOf, within, writer } from "../openLib.ts"
import { Output } from "../Output.ts"
import { parseBoundary, parseItems } from "../queryItems.ts"
import { readJson, whyNotJson } from "../readJson.ts"
import { counted } from "../text/units.ts"
import { visible } from "../text/visible.ts"

interface Input {
  readonly stream: string
  readonly type: Option.Option<string>
  readonly data: Option.Option<string>
  readonly expected: Option.Option<string>
  readonly after: Option.Option<string>
  readonly ifNo: ReadonlyArray<string>
  readonly id: Option.Option<string>
  readonly tag: ReadonlyArray<string>
  readonly metadata: Option.Option<string>
  readonly correlation: Option.Option<string>
  readonly causation: Option.Option<string>
  readonly command: Option.Option<string>
  readonly batch: Option.Option<number>
  readonly dryRun: boolean
}

const parseJson = (what: string, text: string): Effect.Effect<unknown, Usage> =>
  Effect.try({
    try: () => readJson(text),
    catch: (error) => {
      const why = whyNotJson(error)
      // The shell removes the outer quotes.
      const advice = why.startsWith("NotJson") ? ` A text needs quotes within the quotes of the shell: '"text"'.` : ""
      return new Usage({ message: `${what}: ${why}.${advice}` })
    }
  })

const expectedOf = (text: string): Effect.Effect<ExpectedRevision, Usage> => {
  if (text === "any" || text === "no-stream" || text === "stream-exists") return Effect.succeed(text)
  return /^\d{1,15}$/.test(text)
    ? Effect.succeed(Number(text))
    : Effect.fail(
        new Usage({
          message: `--expected must be a revision, no-stream, stream-exists or any, not ${JSON.stringify(text)}.`
        })
      )
}

const optionsOf = (input: Input) =>
  Effect.gen(function* () {
    const { after, causation, command, correlation, expected, ifNo } = input
    if (Option.isSome(after) && ifNo.length === 0) {
      return yield* new Usage({ message: "--after needs --if-no: the items that the query of the boundary had." })
    }
    const condition =
      ifNo.length === 0
        ? {}
        : {
            condition: {
              failIfEventsMatch: yield* parseItems(ifNo),
              after: Option.isSome(after) ? yield* parseBoundary(after.value) : ("nothing" as const)
            }
          }
    const options: AppendOptions = {
      ...condition,
      ...(Option.isSome(expected) ? { expected: yield* expectedOf(expected.value) } : {}),
      ...(Option.isSome(correlation) ? { correlationId: correlation.value } : {}),
      ...(Option.isSome(causation) ? { causationId: causation.value } : {}),
      ...(Option.isSome(command) ? { commandId: command.value } : {})
    }
    return options
  })

/** Returns the event of the arguments. */
const eventOf = ({ data, id, metadata, tag }: Input, type: string) =>
  Effect.gen(function* () {
    const event: NewEvent = {
      type,
      ...(Option.isSome(data) ? { data: yield* parseJson("DATA", data.value) } : {}),
      ...(Option.isSome(id) ? { id: id.value } : {}),
      ...(Option.isSome(metadata)
        ? { metadata: (yield* parseJson("--metadata", metadata.value)) as NonNullable<NewEvent["metadata"]> }
        : {}),
      ...(tag.length > 0 ? { tags: tag } : {})
    }
    return event
  })

/** Reads up to `most` events from lines. Empty lines are skipped. */
const readBatch = async (
  lines: AsyncIterator<string>,
  most: number,
  place: { line: number }
): Promise<ReadonlyArray<NewEvent> | Usage> => {
  const events: Array<NewEvent> = []
  while (events.length < most) {
    let next: IteratorResult<string>
    try {
      next = await lines.next()
    } catch (error) {
      if (error instanceof Usage) return error
      throw error
    }
    if (next.done === true) break
    place.line += 1
    if (next.value.trim() === "") continue
    try {
      events.push(readJson(next.value) as unknown as NewEvent)
    } catch (error) {
      return new Usage({ message: `line ${place.line} of standard input: ${whyNotJson(error)}.` })
    }
  }
  return events
}

/** Appends the events of standard input, a batch at a time. */
const appendLines = (
  { batch, stream }: Input,
  options: AppendOptions,
  appendOne: (events: ReadonlyArray<NewEvent>, options: AppendOptions) => Effect.Effect<AppendResult, unknown>,
  tell: (result: AppendResult) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const output = yield* Output
    const most = Option.getOrElse(batch, () => Number.POSITIVE_INFINITY)
    if (most < 1) return yield* new Usage({ message: "--batch must be 1 or more." })
    if (Option.isSome(batch) && ("condition" in options || "commandId" in options || "expected" in options)) {
      return yield* new Usage({
        message: "--batch excludes --expected, --if-no and --command: each holds for one append."
      })
    }
    const lines = output.lines()[Symbol.asyncIterator]()
    const place = { line: 0 }
    for (;;) {
      const begin = place.line + 1
      const events = yield* Effect.promise(() => readBatch(lines, most, place))
      if (events instanceof Usage) {
        const before =
          begin > 1 ? ` The ${counted(begin - 1, "line")} before it were appended.` : " Nothing was appended."
        return yield* new Usage({ message: events.message + before })
      }
      if (events.length === 0) {
        return yield* begin > 1
          ? Effect.void
          : Effect.fail(
              new Usage({ message: `no event for ${JSON.stringify(stream)}: pass TYPE, or events on standard input.` })
            )
      }
      yield* tell(yield* appendOne(events, options))
    }
  })

const program = (input: Input) =>
  Effect.gen(function* () {
    const { dryRun, stream, type } = input
    const output = yield* Output
    const isJson = yield* JsonFlag
    const options = yield* optionsOf(input)
    const event = Option.isSome(type) ? yield* eventOf(input, type.value) : undefined
    if (event === undefined && (Option.isSome(input.id) || input.tag.length > 0 || Option.isSome(input.metadata))) {
      return yield* new Usage({
        message: "--id, --tag and --metadata are for the event of TYPE: those of standard input have their own."
      })
    }
    if (dryRun) {
      const what = event === undefined ? "the events of standard input" : `an event ${event.type}`
      return yield* output.print([visible(`Appends ${what} to the stream ${stream}.`)])
    }
    const store = yield* storeOf(yield* writer)
    // Nothing that was to be appended is left out because nobody reads what is printed.
    const tell = (result: AppendResult) => (isJson ? Effect.ignore(output.json(result)) : Effect.void)
    const appendOne = (events: ReadonlyArray<NewEvent>, given: AppendOptions) => store.append(stream, events, given)
    if (event !== undefined) yield* tell(yield* appendOne([event], options))
    else yield* appendLines(input, options, appendOne, tell)
  })

export const run = (input: Input) => within(program(input))
