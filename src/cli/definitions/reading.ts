/** Commands that show what is in a lib. They take no lock. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import { define } from "../define.ts"
import {
  filtering,
  manyArguments,
  number,
  onOff,
  optionalArgument,
  reading,
  showing,
  tapeArgument,
  text
} from "../flags.ts"

const ls = define({
  name: "ls",
  summary: "List the tapes of a lib, or the libs in a folder",
  details:
    "For each tape: its role (events, or records of your own), its state, segments, records, bytes of its segments, and the beginning of its root. A tape whose meta is damaged is listed too; the exit code is then 1.",
  json: '{"lib","location","created","placement","position","tapes":[{"name","tape","role","state","segments","records","bytes","root","error"}]}, or an array of {"location","lib","tapes","position","error"} for a folder of libs',
  examples: [
    ["litetapes ls", "the lib in the working directory"],
    ["litetapes ls data/orders", "another lib"],
    ["litetapes ls data", "all libs in a folder"]
  ],
  config: { path: optionalArgument("PATH", "Folder of a lib or of libs. Default: --lib") },
  load: () => import("../commands/ls.ts")
})

const show = define({
  name: "show",
  summary: "Show a tape: its meta, its segments and its user metadata",
  json: '{"tape","name","lib","role","state","created","origin","records","userMeta","segments":[{"number","name","firstOrdinal","records","bytes","rawBytes","compression","sha256"}]}',
  examples: [
    ["litetapes show order", "the tape of the category order"],
    ["litetapes show order --json | jq '.segments[].name'", "names of its segment files"]
  ],
  config: { tape: tapeArgument },
  load: () => import("../commands/show.ts")
})

const cat = define({
  name: "cat",
  summary: "Print events of a stream, of a tape or of the whole lib",
  details:
    "NAME is a stream, such as order-17, or a tape, such as order. If both have that name, it is the tape, unless --stream is given. Without NAME all events are printed by position. --from and --to are revisions of a stream, ordinals of a tape, or positions of the lib.",
  json: 'a line for each event: {"position","stream","revision","type","time","id","data","metadata","tags"}; of a tape of records, a line for each record as it is stored',
  examples: [
    ["litetapes cat order-17", "one stream"],
    ["litetapes cat --type OrderPlaced --since 2026-11-01 -n 20", "the first 20 orders of a month"],
    ["litetapes cat order --reverse -n 5 --pretty", "the last 5 events of a category, indented"],
    ["litetapes cat --json | jq -r .type | sort | uniq -c", "how many events of each type there are"]
  ],
  config: {
    name: optionalArgument("NAME", "Stream or tape. Default: all events"),
    stream: onOff("stream", "NAME is a stream, even if a tape has this name"),
    ...reading,
    ...filtering,
    since: text(
      "since",
      "TIME",
      "Only events of this time or later, such as 2026-11-30 or 2026-11-30T12:00:00Z; UTC if it names no zone"
    ),
    until: text("until", "TIME", "Only events before this time"),
    ...showing
  },
  load: () => import("../commands/cat.ts")
})

const tail = define({
  name: "tail",
  summary: "Print the last events, and with -f those that follow",
  details: "It follows an application that is running, in another process. Ctrl-C ends it.",
  json: "a line for each event, as cat prints it",
  examples: [
    ["litetapes tail -f", "what happens now"],
    ["litetapes tail -f --after 1200 --category order", "all orders from position 1201 on, and what follows"],
    ["litetapes tail -n 3 order-17", "the last 3 events of a stream"]
  ],
  config: {
    stream: optionalArgument("STREAM", "Only events of this stream"),
    follow: onOff("follow", "Wait for later events").pipe(Flag.withAlias("f")),
    lines: number("lines", "Print at most this many that are there already. Default: 10").pipe(Flag.withAlias("n")),
    after: number(
      "after",
      "Begin after this position, or after this revision of a stream, instead of at the last events"
    ),
    ...filtering,
    ...showing
  },
  load: () => import("../commands/tail.ts")
})

const streams = define({
  name: "streams",
  summary: "List streams with their events, last revision and time",
  details: "Reads all events. Needs memory for the name of each stream.",
  json: 'a line for each stream: {"stream","events","revision","first","last"}',
  examples: [
    ["litetapes streams --category order", "the streams of a category"],
    ["litetapes streams --sort events -n 10", "the 10 largest streams"]
  ],
  config: {
    category: filtering.category,
    sort: Flag.Literals("sort", ["name", "events", "time"]).pipe(
      Flag.withDefault("name"),
      Flag.withDescription("Order: by name, by number of events or by time of the last one. Default: name")
    ),
    limit: reading.limit,
    allowGaps: filtering.allowGaps
  },
  load: () => import("../commands/streams.ts")
})

const query = define({
  name: "query",
  summary: "Print the events that match a query, and its boundary",
  details:
    'An event matches if it matches one ITEM. An item names types, one of which the event must have, and tags, all of which it must have, each tag after a #: \'CourseDefined,StudentSubscribed #course:17\'. Instead an item may be JSON: {"types":[…],"tags":[…]}. The boundary is printed on standard error; litetapes append --after takes it.',
  json: '{"boundary","events":[…]}, the events as cat prints them',
  examples: [
    ["litetapes query '#course:17'", "all events with a tag"],
    ["litetapes query 'CourseDefined #course:17' 'StudentSubscribed #student:3'", "two items"]
  ],
  config: {
    items: Argument.String("ITEM").pipe(Argument.withDescription("What to match"), Argument.variadic({ min: 1 })),
    after: text("after", "BOUNDARY", "Only events after this boundary"),
    limit: reading.limit,
    reverse: reading.reverse,
    ...showing
  },
  load: () => import("../commands/query.ts")
})

const stats = define({
  name: "stats",
  summary: "Show sizes, rates, small segments and what a repack would save",
  details:
    "What a repack with zstd would save is estimated from the first megabyte of each tape that is not compressed. --streams reads all events.",
  json: '{"lib","position","first","last","tapes":[{"name","records","bytes","rawBytes","segments","smallSegments","unclosed","zstdBytes"}],"streams":[…]}; "streams" as the command streams prints them, with --streams only',
  examples: [
    ["litetapes stats", "sizes of all tapes"],
    ["litetapes stats --streams 5", "with the 5 largest streams"]
  ],
  config: { streams: number("streams", "List this many of the largest streams, which reads all events") },
  load: () => import("../commands/stats.ts")
})

const consumers = define({
  name: "consumers",
  summary: "List the consumers whose checkpoints the lib keeps",
  details:
    "Position is that of the first event that is not done; lag is the number of events from there on that are not done. Consumers that keep their checkpoints elsewhere are not listed.",
  json: 'an array of {"consumer","version","low","done","isLost","lag"}',
  examples: [["litetapes consumers", "how far the consumers are"]],
  config: {},
  load: () => import("../commands/consumers.ts")
})

const sql = define({
  name: "sql",
  summary: "Print the segment files of the events, and a DuckDB view of them",
  details: "Events that are in no segment yet are missing in it; a comment says how many there are.",
  json: '{"files":[…],"missing"}',
  examples: [["litetapes sql | duckdb", "try the view"]],
  config: { tapes: manyArguments("TAPE", "Names of event tapes. Default: all") },
  load: () => import("../commands/sql.ts")
})

const mcp = define({
  name: "mcp",
  summary: "Serve the lib to a model, read-only, by the Model Context Protocol",
  details:
    "Speaks on standard input and output until the input ends. Tools: tapes, streams, read, query, verify and lag. None changes anything; each looks at what is acknowledged now.",
  json: "the same",
  examples: [["litetapes --lib data/orders mcp", "the command that a client of the protocol starts"]],
  config: {},
  load: () => import("../commands/mcp.ts")
})

export const readingCommands = [ls, show, cat, tail, streams, query, stats, consumers, sql, mcp] as const
