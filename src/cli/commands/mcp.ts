/** `litetapes mcp`: a server of the Model Context Protocol on standard input and output. It only reads. */
import * as McpProtocol from "effect/ai/McpProtocol"
import * as McpServer from "effect/ai/McpServer"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as TaraSON from "../../domain/json/TaraSON.ts"
import type { EventStore, RecordedEvent } from "../../services/EventStore.ts"
import type { LibService } from "../../services/Lib.ts"
import { isLoss, Usage } from "../errors.ts"
import { shownEvent } from "../events.ts"
import { sentenceOf } from "../exit.ts"
import { reader, storeOf, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { listStreams } from "../streamList.ts"
import { version } from "../version.ts"

/** Most events in an answer: a model has no use for more, and asks again from where it ended. */
const eventsMax = 200

const Answer = Schema.Record(Schema.String, Schema.Json)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))
const Count = Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))

/** Makes a tool that changes nothing. A failure is an answer, which the model can read. */
const tool = <const Name extends string, Fields extends Schema.Struct.Fields>(
  name: Name,
  description: string,
  fields: Fields
) =>
  Tool.make(name, {
    description,
    parameters: (Object.keys(fields).length > 0 ? Schema.Struct(fields) : Tool.EmptyParams) as Schema.Struct<Fields>,
    success: Answer,
    failure: Schema.String,
    failureMode: "return"
  })
    .annotate(Tool.Readonly, true)
    .annotate(Tool.Destructive, false)
    .annotate(Tool.Idempotent, true)
    .annotate(Tool.OpenWorld, false)

const Tools = Toolkit.make(
  tool(
    "tapes",
    "Lists the tapes of the lib with their role, state, number of records and segments, and the position of the next event.",
    {}
  ),
  tool(
    "streams",
    "Lists streams with their number of events, last revision, and times. Reads all events of the categories.",
    {
      categories: Texts,
      limit: Count
    }
  ),
  tool(
    "read",
    `Reads events: of one stream, or of the lib by position. At most ${eventsMax}. "from" is a revision of the stream, or a position of the lib. "backward" returns the last one first.`,
    {
      stream: Schema.optionalKey(Schema.String),
      from: Count,
      limit: Count,
      backward: Schema.optionalKey(Schema.Boolean),
      types: Texts,
      tags: Texts,
      categories: Texts
    }
  ),
  tool("query", "Returns the events that match one of the items: they have one of its types and all of its tags.", {
    items: Schema.Array(Schema.Struct({ types: Texts, tags: Texts })),
    limit: Count
  }),
  tool(
    "verify",
    'Checks every file of the lib, and lists each damaged place. "files" checks only the hashes of files.',
    {
      depth: Schema.optionalKey(Schema.Literals(["files", "records"]))
    }
  ),
  tool("lag", "Lists the consumers whose checkpoints the lib keeps, and how many events each has not handled yet.", {})
)

type Json = typeof Answer.Type

/** Returns a plain value of JSON. */
const plain = (value: object): Json => TaraSON.parseTrusted(JSON.stringify(value)) as Json

const tapesOf = (lib: LibService) =>
  Effect.gen(function* () {
    const tapes = yield* Effect.forEach(yield* lib.tapes, ({ name, role, state }) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, name)
        return { name, role, state, records: yield* tape.size, segments: (yield* tape.segments).length }
      }).pipe(Effect.catch((error) => Effect.succeed({ name, role, state, error: sentenceOf(error) })))
    )
    return { lib: lib.id, position: (yield* lib.durable).position, tapes }
  })

interface ReadInput {
  readonly stream?: string
  readonly from?: number
  readonly limit?: number
  readonly backward?: boolean
  readonly types?: ReadonlyArray<string>
  readonly tags?: ReadonlyArray<string>
  readonly categories?: ReadonlyArray<string>
}

const readEvents = (store: EventStore["Service"], input: ReadInput, allowGaps: boolean) =>
  Effect.gen(function* () {
    const { backward = false, categories, from, limit = eventsMax, stream, tags, types } = input
    const most = Math.min(limit, eventsMax)
    const filter = { ...(types === undefined ? {} : { types }), ...(tags === undefined ? {} : { tags }) }
    const options = {
      // Backwards, it begins at the place too, and ends at the first event.
      ...(from === undefined ? {} : backward ? { to: from + 1 } : { from }),
      limit: most,
      direction: backward ? ("backward" as const) : ("forward" as const),
      allowGaps
    }
    const events = (
      stream === undefined
        ? store.readAll({ ...options, filter: { ...filter, ...(categories === undefined ? {} : { categories }) } })
        : store.read(stream, { ...options, filter })
    ) as Stream.Stream<RecordedEvent, unknown>
    return { events: (yield* Stream.runCollect(events)).map(shownEvent) }
  })

/** Reads on where events are lost, and then says so: a model would take them for events that never were. */
const readOrSay = (store: EventStore["Service"], input: ReadInput) =>
  Effect.catchIf(readEvents(store, input, false), isLoss, () =>
    Effect.map(readEvents(store, input, true), ({ events }) => ({
      events,
      lost: "Events are lost in the range of this answer: they were there, and cannot be read. verify lists the losses."
    }))
  )

const lagOf = (lib: LibService) =>
  Effect.gen(function* () {
    const { position } = yield* lib.durable
    const consumers = (yield* lib.checkpoints).map(({ consumer, done, isLost, low }) => ({
      consumer,
      position: low,
      isLost,
      lag: Math.max(0, position - low - done.reduce((sum, [from, to]) => sum + (to - from), 0))
    }))
    return { position, consumers }
  })

/** Answers of the tools. Each looks at what is acknowledged now. */
const handlers = (lib: LibService, store: EventStore["Service"], output: Output["Service"]) => {
  const answer = <E>(effect: Effect.Effect<object, E>): Effect.Effect<Json, string> =>
    Effect.andThen(lib.refresh, effect).pipe(Effect.map(plain), Effect.mapError(sentenceOf))
  return Tools.toLayer({
    tapes: () => answer(tapesOf(lib)),
    streams: ({ categories = [], limit = eventsMax }) =>
      answer(
        Effect.map(Effect.provideService(listStreams(store, categories, true), Output, output), (streams) => ({
          total: streams.length,
          streams: streams.slice(0, Math.min(limit, eventsMax))
        }))
      ),
    read: (input) => answer(readOrSay(store, input)),
    query: ({ items, limit = eventsMax }) =>
      answer(
        Effect.map(store.query(items, { limit: Math.min(limit, eventsMax) }), ({ boundary, events }) => ({
          boundary: boundary.encode(),
          events: events.map(shownEvent)
        }))
      ),
    verify: ({ depth = "records" }) => answer(lib.verify({ depth })),
    lag: () => answer(lagOf(lib))
  })
}

/** The answer to a line that is not JSON, as JSON-RPC has it. */
const parseError = { jsonrpc: "2.0", id: null, error: { code: -32_700, message: "Parse error" } }

const isJson = (line: string): boolean => {
  try {
    TaraSON.parseTrusted(line)
    return true
  } catch {
    return false
  }
}

/** Returns lines; `undefined` for one that is not UTF-8. */
const readableLines = async function* (lines: AsyncIterable<string>): AsyncGenerator<string | undefined> {
  const iterator = lines[Symbol.asyncIterator]()
  for (;;) {
    let next: IteratorResult<string | undefined>
    try {
      next = await iterator.next()
    } catch (error) {
      if (!(error instanceof Usage)) throw error
      next = { done: false, value: undefined }
    }
    if (next.done === true) return
    yield next.value
  }
}

/** Standard input and output of the command, as the server wants them. */
const stdioOf = (output: Output["Service"]): Stdio.Stdio => {
  const write = Sink.forEach((data: string | Uint8Array) =>
    Effect.ignore(output.print([(typeof data === "string" ? data : Buffer.from(data).toString("utf8")).trimEnd()]))
  )
  return Stdio.make({
    args: Effect.succeed([]),
    stdin: Stream.fromAsyncIterable(readableLines(output.lines()), (error) => error as never).pipe(
      // One bad line would end the server.
      Stream.filterEffect((line) =>
        line !== undefined && (line.trim() === "" || isJson(line))
          ? Effect.succeed(true)
          : Effect.as(Effect.ignore(output.json(parseError)), false)
      ),
      Stream.map((line) => Buffer.from(`${line}\n`))
    ),
    stdout: () => write,
    stderr: () => Sink.drain
  })
}

const program = Effect.gen(function* () {
  const output = yield* Output
  const lib = yield* reader
  const store = yield* storeOf(lib)
  const server = McpServer.layerStdio({
    name: "litetapes",
    version,
    description: "Reads a lib of litetapes: events, tapes, streams and consumers. Changes nothing.",
    protocols: [McpProtocol.v2025_11_25, McpProtocol.v2025_06_18, McpProtocol.v2025_03_26],
    registrations: Layer.provide(McpServer.toolkit(Tools), handlers(lib, store, output))
  })
  // The server interrupts the fiber that launched it once its input has ended.
  const launched = yield* Effect.forkChild(Effect.provideService(Layer.launch(server), Stdio.Stdio, stdioOf(output)))
  const ended = yield* Fiber.await(launched)
  if (Exit.isFailure(ended) && !Cause.hasInterruptsOnly(ended.cause)) return yield* Effect.failCause(ended.cause)
})

export const run = () => within(program)
