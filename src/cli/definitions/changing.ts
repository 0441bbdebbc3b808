/** Commands that change a lib, or make another one. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import { define } from "../define.ts"
import {
  argument,
  changing,
  number,
  onOff,
  optionalArgument,
  repeated,
  tapeArgument,
  tapeArguments,
  text
} from "../flags.ts"

const placements = "category-or-shared, category, stream, single, or hashed:N for N tapes"

const placement = text("placement", "KIND", `How streams are placed on tapes: ${placements}`)

const init = define({
  name: "init",
  summary: "Create a lib",
  details: "Does not ask: it creates, and changes nothing that is there.",
  json: '{"lib","location","placement"}',
  examples: [
    ["litetapes init data/orders", "a lib with the default placement"],
    ["litetapes init data/orders --placement hashed:16", "streams on 16 tapes"]
  ],
  config: {
    path: optionalArgument("PATH", "An absent or empty folder. Default: --lib"),
    placement,
    dryRun: changing.dryRun
  },
  load: () => import("../commands/init.ts")
})

const append = define({
  name: "append",
  summary: "Append events to a stream",
  details:
    'Without TYPE, standard input has an event on each line: {"type","data","id","metadata","tags"}, all but type optional. All of them are appended as one atomic batch, or with --batch in batches of so many lines. Does not ask: it does what its arguments say.',
  json: '{"stream","firstRevision","lastRevision","firstPosition","lastPosition","repeated"}, a line for each batch',
  examples: [
    ["litetapes append order-17 OrderPlaced '{\"cents\":3998}' --expected no-stream", "one event of a new stream"],
    ["litetapes append order-17 < events.jsonl", "events of a file, all or none"]
  ],
  config: {
    stream: argument("STREAM", "Name of the stream"),
    type: optionalArgument("TYPE", "Type of the event. Default: events are read from standard input"),
    data: optionalArgument("DATA", "Data of the event, as JSON. Default: null"),
    expected: text("expected", "STATE", "A revision, no-stream, stream-exists or any; else nothing is appended"),
    after: text(
      "after",
      "BOUNDARY",
      "Fail if an event that matches --if-no came after this boundary of litetapes query"
    ),
    ifNo: repeated("if-no", "ITEM", "An item of the query of --after; without --after, no event may match at all"),
    id: text("id", "ID", "Id of the event. An event that has the same id already is not appended again"),
    tag: repeated("tag", "TAG", "A tag of the event; may be given more than once"),
    metadata: text("metadata", "JSON", "Metadata of the event"),
    correlation: text("correlation", "ID", "Correlation id of the events"),
    causation: text("causation", "ID", "Causation id of the events"),
    command: text("command", "ID", "Id of the command that makes the events: a retry appends nothing"),
    batch: number("batch", "Lines of standard input in a batch. Default: all"),
    dryRun: changing.dryRun
  },
  load: () => import("../commands/append.ts")
})

const backup = define({
  name: "backup",
  summary: "Back up a lib while it is written to, incrementally",
  details: "TARGET is absent, empty, or an earlier backup of the lib. Takes no lock of the lib.",
  json: '{"target","place","batch","tapes","copied":{"segments","bytes"},"kept","resumed"}',
  examples: [["litetapes backup /mnt/backup/orders", "back up the lib in the working directory"]],
  config: { target: argument("TARGET", "Folder of the backup"), ...changing },
  load: () => import("../commands/backup.ts")
})

const restore = define({
  name: "restore",
  summary: "Make a lib of a backup, up to any position",
  details: "TO must be absent or empty. The restored lib has a lineage of its own.",
  json: '{"location","place","from","batch","tapes","resumed"}',
  examples: [
    ["litetapes restore /mnt/backup/orders data/orders", "everything"],
    ["litetapes restore /mnt/backup/orders data/orders --upto 1200", "the events before position 1200"]
  ],
  config: {
    from: argument("BACKUP", "Folder of the backup"),
    to: argument("TO", "Folder of the new lib"),
    upto: number("upto", "Position of the first event that is left out. Default: none is left out"),
    ...changing
  },
  load: () => import("../commands/restore.ts")
})

const repack = define({
  name: "repack",
  summary: "Rewrite segments: merge, compress or deduplicate them",
  details: "The records and the root of the tape stay the same. Segments that match the flags already are left.",
  json: 'an array of {"tape","removed","added","records","bytesBefore","bytesAfter","root"}, with numbers of segments',
  examples: [
    ["litetapes repack --compression zstd", "compress all tapes"],
    ["litetapes repack order --dry-run", "what would be done"]
  ],
  config: {
    tapes: tapeArguments,
    compression: Flag.Literals("compression", ["keep", "none", "gzip", "zstd"]).pipe(
      Flag.withDefault("keep"),
      Flag.withDescription("Compression of the new segments. Default: keep")
    ),
    target: number("target", "Bytes of records in a segment, before compression; 1024 or more. Default: 64 MiB"),
    dedup: onOff("dedup", "Store a record that repeats another one of its segment as a reference to it"),
    force: onOff("force", "Rewrite segments that match the flags already, too"),
    ...changing
  },
  load: () => import("../commands/repack.ts")
})

const clone = define({
  name: "clone",
  summary: "Copy a tape under a new name, in this lib or another one",
  details: "The clone has the same records and an id of its own. It is a tape of records: anybody may append to it.",
  json: '{"name","tape","role","state"}',
  examples: [["litetapes clone readings readings-2026", "a copy in the same lib"]],
  config: {
    tape: tapeArgument,
    name: argument("NAME", "Name of the clone"),
    to: text("to", "PATH", "Folder of another lib. Default: the same lib"),
    ...changing
  },
  load: () => import("../commands/clone.ts")
})

const copy = define({
  name: "copy",
  summary: "Copy a lib, with another placement of streams if wanted",
  details: "TO must be absent or empty. Events keep their ids, times, positions and revisions. The copy is read back.",
  json: '{"lib","events","position","tapes","sha256","left"}',
  examples: [["litetapes copy data/orders-2 --placement hashed:16", "streams on 16 tapes instead"]],
  config: {
    to: argument("TO", "Folder of the copy"),
    placement,
    allowGaps: onOff("allow-gaps", "Copy a lib in which positions are missing"),
    ...changing
  },
  load: () => import("../commands/copy.ts")
})

const recover = define({
  name: "recover",
  summary: "Rebuild a lib or a tape that lost its meta",
  details:
    "Without TAPE, it rebuilds lib meta; with TAPE, that of a tape. Deletes nothing. If there is more than one way to rebuild it, it refuses. doctor says which of the two is needed.",
  json: "the report of the recovery",
  examples: [
    ["litetapes recover", "lib meta is lost"],
    ["litetapes recover order", "the meta of one tape is lost"]
  ],
  config: {
    tape: optionalArgument("TAPE", "A tape. Default: the lib itself"),
    placement,
    ...changing
  },
  load: () => import("../commands/recover.ts")
})

const salvage = define({
  name: "salvage",
  summary: "Keep what checksums prove of a tape with damaged segments",
  details:
    "If you have a backup, restore the files from it instead. salvage lists what is lost in tape meta, and reads that reach the loss fail until you accept it.",
  json: "the report of the salvage",
  examples: [["litetapes salvage order", "keep what can be kept"]],
  config: { tape: tapeArgument, acceptLoss: onOff("accept-loss", "Accept the loss at once"), ...changing },
  load: () => import("../commands/salvage.ts")
})

const acceptLoss = define({
  name: "accept-loss",
  summary: "Accept what a tape has lost, so that reads continue after it",
  json: '{"tape","accepted":true}',
  examples: [["litetapes accept-loss order", "let reads of the tape continue"]],
  config: { tape: tapeArgument, ...changing },
  load: () => import("../commands/acceptLoss.ts")
})

const archive = define({
  name: "archive",
  summary: "Make a tape refuse appends",
  json: '{"tape","state":"archived"}',
  examples: [["litetapes archive readings-2025", "nothing more is appended to it"]],
  config: { tape: tapeArgument, ...changing },
  load: () => import("../commands/archive.ts")
})

const activate = define({
  name: "activate",
  summary: "Make an archived tape accept appends again",
  json: '{"tape","state":"active"}',
  examples: [["litetapes activate readings-2025", "appends are possible again"]],
  config: { tape: tapeArgument, ...changing },
  load: () => import("../commands/activate.ts")
})

const meta = define({
  name: "meta",
  summary: "Show, set or remove user metadata of a tape",
  details: "get prints a value, or all of them. set takes JSON, or any other text, which is stored as a string.",
  json: "the value, or an object of all values",
  examples: [
    ["litetapes meta get order", "all values"],
    ["litetapes meta set order owner '\"sales\"' --yes", "set one"],
    ["litetapes meta unset order owner --yes", "remove it"]
  ],
  config: {
    action: Argument.Literals("ACTION", ["get", "set", "unset"]).pipe(Argument.withDescription("get, set or unset")),
    tape: tapeArgument,
    key: optionalArgument("KEY", "Key of the value"),
    value: optionalArgument("VALUE", "The value to set, as JSON"),
    ...changing
  },
  load: () => import("../commands/meta.ts")
})

const reindex = define({
  name: "reindex",
  summary: "Rebuild indexes that are missing or damaged",
  details:
    "Reads the whole lib. Readers do without an index, and the writer rebuilds it when it needs it, so this only saves time later.",
  json: '{"rebuilt":[…],"damaged"}: files, and the number of damaged places that no index can mend',
  examples: [["litetapes reindex --yes", "after files were restored from a copy"]],
  config: changing,
  load: () => import("../commands/reindex.ts")
})

export const changingCommands = [init, append, archive, activate, meta, repack, clone, reindex] as const

export const safetyCommands = [backup, restore, copy, recover, salvage, acceptLoss] as const
