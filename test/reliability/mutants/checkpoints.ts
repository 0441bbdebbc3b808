/** Mutants of checkpoints in the append. */
import type { Mutant } from "./mutant.ts"

const appender = "services/streams/EventAppender.ts"
const judging = "services/streams/AppendCheckpoint.ts"

const called = `    const { checkpoint, conditions, entries } = call
`

/** The split makes calls itself. */
const withCalls = { file: appender, find: "  type PlannedCall,", replace: "  PlannedCall," }

/** Splits an append with a checkpoint into two. */
const split = (
  first: string,
  second: string
): string => `${called}    if (checkpoint !== undefined && entries.length > 0) {
      const listed = new PlannedCall([], undefined, undefined, checkpoint)
      const checkpointAlone = checkpoint.listing(this.#lib, Effect.suspend(() => this.#appendCall(listed, allResults)))
      const eventsAlone = this.#appendCall(new PlannedCall(entries, conditions, undefined), results)
      return Effect.flatMap(${first}, (one) => Effect.map(${second}, (two) => (Array.isArray(one) ? two : one)))
    }
`

const answered: Mutant["histories"] = [
  ["events", "answer"],
  ["events", "answer", "answer", "close"]
]

const raced = { histories: [["events"], ["events", "answer"]], before: ["datasync"] } as const

export const checkpointMutants: ReadonlyArray<Mutant> = [
  {
    name: "checkpoint-before-its-events",
    breaks: "The checkpoint of an append is committed before the events, in a batch of its own.",
    edits: [withCalls, { file: appender, find: called, replace: split("checkpointAlone", "eventsAlone") }],
    histories: answered
  },
  {
    name: "checkpoint-after-its-events",
    breaks: "The checkpoint of an append is committed after the events, in a batch of its own.",
    edits: [withCalls, { file: appender, find: called, replace: split("eventsAlone", "checkpointAlone") }],
    histories: answered
  },
  {
    name: "checkpoint-not-in-the-mark",
    breaks: "The mark of a batch does not have the checkpoints that its callers hear of.",
    edits: [
      {
        file: "services/write/CommitGroup.ts",
        find: "if (this.#checkpoints === undefined) return",
        replace: "if (this.#checkpoints === undefined || !this.#builder.isEmpty) return"
      }
    ],
    histories: answered
  },
  {
    name: "checkpoint-not-compared-with-pending",
    breaks: "A checkpoint is compared with durable ones, and not with those of the batch that is being formed.",
    edits: [{ file: judging, find: "group.checkpoint(consumer) ?? checkpointOf", replace: "checkpointOf" }],
    ...raced
  },
  {
    name: "checkpoint-need-not-increase",
    breaks: "An append is accepted although its event is done.",
    edits: [{ file: judging, find: "  if (isRepeat) return", replace: "  if (isRepeat && stored.low < 0) return" }],
    ...raced
  },
  {
    name: "checkpoint-not-folded",
    breaks: "A dynamic segment is dropped before its checkpoints are in lib meta.",
    edits: [
      {
        file: "services/write/flush.ts",
        find: "if (listed !== undefined && listed.at === checkpoint.at && isSame(listed, checkpoint)) return",
        replace: "if (listed !== undefined) return"
      }
    ],
    histories: [
      ["events", "count", "close"],
      ["events", "answer", "roll", "append", "append"]
    ]
  },
  {
    name: "checkpoint-not-refolded",
    breaks: "A writer that takes over replaces lib meta by one without checkpoints.",
    edits: [
      {
        file: "domain/meta/LibRefold.ts",
        find: "return [...records, ...checkpointRecords(state)]",
        replace: "return records"
      }
    ],
    histories: [["events", "count", "close", "append"]]
  },
  {
    name: "checkpoint-of-the-last-batch-dropped",
    breaks: "I2: a writer that takes over rewrites the last batch, and forgets its checkpoints.",
    edits: [
      {
        file: "services/lib/takeOver.ts",
        find: "const checkpoints = scanned.lastCheckpoints.own",
        replace: "const checkpoints = undefined"
      }
    ],
    histories: [
      ["events", "answer"],
      ["events", "count"]
    ]
  },
  {
    name: "file-of-checkpoints-taken-for-empty",
    breaks: "A dynamic segment that holds checkpoints alone counts as empty, and is not kept.",
    edits: [
      {
        file: "services/journal/DynamicFile.ts",
        find: "return this.#parts.size > 0 || this.#checkpoints.size > 0",
        replace: "return this.#parts.size > 0"
      }
    ],
    histories: [["events", "answer", "events", "close", "count", "count", "append"]]
  },
  {
    name: "backup-without-recent-checkpoints",
    breaks: "A backup has the checkpoints of lib meta, and not those in dynamic segments.",
    edits: [
      {
        file: "services/maintenance/backup/Moment.ts",
        find: "const checkpoints = checkpointsOf(lib)",
        replace: "const { checkpoints } = lib.meta.state"
      }
    ],
    histories: [["events", "answer", "backup"]]
  },
  {
    name: "restore-does-not-cut",
    breaks: "A restore to an earlier position keeps checkpoints of events that it leaves out.",
    edits: [
      {
        file: "services/maintenance/backup/Restore.ts",
        find: "[name, cutAt(one, position)] as const",
        replace: "[name, cutAt(one, state.anchor.position)] as const"
      }
    ],
    histories: [["events", "events", "answer", "count", "backup"]]
  },
  {
    name: "restore-trusts-what-it-cut",
    breaks: "A restore to an earlier position leaves events done whose answers it leaves out.",
    edits: [
      {
        file: "domain/meta/CheckpointRanges.ts",
        find: "at !== undefined && at <= end",
        replace: "at !== undefined && low <= end"
      }
    ],
    histories: [["events", "events", "answer", "backup"]]
  },
  {
    name: "lost-checkpoint-begins-again",
    breaks: "A recovery without lib meta says nothing of checkpoints that are lost with it.",
    edits: [
      {
        file: "services/maintenance/recover/FoundCheckpoints.ts",
        find: "(!isWhole && !hadNone)",
        replace: "(!isWhole && !hadNone && position < 0)"
      }
    ],
    histories: [
      ["events", "count", "close", "recoverLib"],
      ["events", "answer", "close", "recoverLib"]
    ]
  },
  {
    name: "doubtful-checkpoint-trusted",
    breaks: "A recovery without lib meta takes the last checkpoint that it finds for the last one that there was.",
    edits: [
      {
        file: "services/maintenance/recover/FoundCheckpoints.ts",
        find: "isSure && isPossible ? kept",
        replace: "isSure || isPossible ? kept"
      }
    ],
    histories: [["events", "answer", "append", "recoverLib"]]
  },
  {
    name: "batch-of-checkpoints-missed-in-tapes",
    breaks: "A recovery without lib meta takes a batch of checkpoints alone for lost events.",
    edits: [
      {
        file: "services/maintenance/recover/LostBatches.ts",
        find: "const records = isKnown ? hint.records : undefined",
        replace: "const records = isKnown && hint.batch < 0 ? hint.records : undefined"
      },
      {
        file: "services/maintenance/recover/LostBatches.ts",
        find: "(hint.records ?? hint.batch)",
        replace: "hint.batch"
      }
    ],
    histories: [["events", "count", "close", "recoverLib"]]
  }
]
