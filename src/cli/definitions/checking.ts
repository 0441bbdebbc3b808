/** Commands that check a lib. They change nothing. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import { define } from "../define.ts"
import { argument, number, optionalArgument, tapeArgument, tapeArguments, text } from "../flags.ts"

const verify = define({
  name: "verify",
  summary: "Check every file, and list each damaged place",
  details: "Exit code 1 if there is one.",
  json: 'the report: {"ok","bad":[{"file","offset","error","why"}],"tapes","segments","records","bytes","indexesRebuilt","lost","stuck"}; of named tapes, an array of {"tape", …}',
  examples: [
    ["litetapes verify", "the whole lib"],
    ["litetapes verify order --depth files", "one tape, without looking at each record"]
  ],
  config: {
    tapes: tapeArguments,
    depth: Flag.Literals("depth", ["records", "files"]).pipe(
      Flag.withDefault("records"),
      Flag.withDescription("files: hashes of the files. records: each record, event and index too. Default: records")
    )
  },
  load: () => import("../commands/verify.ts")
})

const doctor = define({
  name: "doctor",
  summary: "Say what is wrong with a folder, and which command mends it",
  details: "Changes nothing. Exit code 1 if something is wrong.",
  json: '{"location","ok","findings":[{"what","why","advice","command"}]}; "command" is null where no single command mends it',
  examples: [["litetapes doctor data/orders", "why does it not open?"]],
  config: { path: optionalArgument("PATH", "Folder of the lib. Default: --lib") },
  load: () => import("../commands/doctor.ts")
})

const head = define({
  name: "head",
  summary: "Print the head of a tape: its id, number of records and root",
  details:
    "Keep heads where nobody who can write the lib can write. --expect checks an earlier one, and fails with exit code 1 unless the tape still begins with the same records.",
  json: 'a line for each tape: {"records","root","tape"}',
  examples: [
    ["litetapes head order > order.head", "keep a head"],
    ['litetapes head order --expect "$(cat order.head)"', "check that nobody changed the records since"]
  ],
  config: { tapes: tapeArguments, expect: text("expect", "HEAD", "A head that was kept") },
  load: () => import("../commands/head.ts")
})

const prove = define({
  name: "prove",
  summary: "Make a proof that a record is on a tape, or that the tape only grew",
  details:
    "With ORDINAL, the proof contains the record and a proof that it is on the tape. With --since, it proves that the tape has only grown since that head. check-proof checks either without the lib.",
  json: "the proof, which is JSON in any case",
  examples: [
    ["litetapes prove order 3 > record.proof", "the record with ordinal 3"],
    ['litetapes prove order --since "$(cat order.head)" > growth.proof', "growth since a head"]
  ],
  config: {
    tape: tapeArgument,
    ordinal: Argument.Int("ORDINAL").pipe(Argument.withDescription("Ordinal of the record, from 0"), Argument.optional),
    since: text("since", "HEAD", "A head that was kept"),
    records: number("records", "Number of records of the tape that the proof is about. Default: all")
  },
  load: () => import("../commands/prove.ts")
})

const checkProof = define({
  name: "check-proof",
  summary: "Check a proof against heads that were kept, without the lib",
  details: "Exit code 1 if the proof is not valid, or is about another head.",
  json: '{"valid","head"}',
  examples: [['litetapes check-proof record.proof --head "$(cat order.head)"', "check a record"]],
  config: {
    file: argument("FILE", "The proof; - for standard input"),
    head: text("head", "HEAD", "The head that the proof must end at, as it was kept"),
    since: text("since", "HEAD", "For a proof of growth: the earlier head, as it was kept")
  },
  load: () => import("../commands/checkProof.ts")
})

const diff = define({
  name: "diff",
  summary: "Find the first record that differs between two tapes",
  details: "Each is TAPE of the lib, or PATH:TAPE of another lib. Exit code 1 if they differ.",
  json: '{"equal"}, with "ordinal","left","right" if they differ: ids of the records there, or null if the tape ends',
  examples: [["litetapes diff order backup/orders:order", "compare with a backup"]],
  config: { left: argument("A", "TAPE or PATH:TAPE"), right: argument("B", "TAPE or PATH:TAPE") },
  load: () => import("../commands/diff.ts")
})

const bench = define({
  name: "bench",
  summary: "Measure what a disk can do: syncs, appends and a replay",
  details:
    "Writes to a folder of its own, which it removes. Uses no lib. Other work on the machine changes the numbers.",
  json: 'an array of {"what","done","perSecond"}',
  examples: [["litetapes bench /mnt/data --seconds 20", "another disk, for 20 seconds"]],
  config: {
    path: optionalArgument("PATH", "A folder on the disk. Default: the working directory"),
    seconds: number("seconds", "How long all of it takes. Default: 60")
  },
  load: () => import("../commands/bench.ts")
})

export const checkingCommands = [verify, doctor, head, prove, checkProof, diff, bench] as const
