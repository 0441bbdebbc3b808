/** Mutants of appends on condition of a query, and of deciders. */
import type { Mutant, Reach } from "./mutant.ts"

const conditions = "services/streams/Conditions.ts"

const reach: Reach = { histories: [["events"], ["events", "flush", "events"]], before: ["datasync"] }

export const conditionMutants: ReadonlyArray<Mutant> = [
  {
    name: "condition-checked-before-the-queue",
    breaks: "A condition is checked against what is durable before the append is queued, and not in the commit loop.",
    edits: [
      {
        file: conditions,
        find: "const matched = one.matched ?? recent.first(query, one.checkedTo)",
        replace: "const { matched } = one"
      }
    ],
    ...reach
  },
  {
    name: "pending-events-not-counted",
    breaks: "A condition does not see events of the batch that is being formed.",
    edits: [
      {
        file: conditions,
        find: "if (matched !== undefined) {",
        replace: "if (matched !== undefined && matched.position < durable) {"
      }
    ],
    ...reach
  },
  {
    name: "boundary-taken-after-the-events",
    breaks: "The boundary of a query is where the lib ends once the events were read, not where it ended before.",
    edits: [
      {
        file: "services/streams/QueryReader.ts",
        find: "position: to, isDecidable",
        replace: "position: lib.journal.durable.position, isDecidable"
      }
    ],
    ...reach
  },
  {
    name: "condition-of-an-entry-not-checked",
    breaks: "The condition of an entry of several appends is accepted, and not checked.",
    edits: [
      {
        file: "services/streams/CallEncoder.ts",
        find: "if (given.condition === undefined) continue",
        replace: "if (at > 0 || given.condition === undefined) continue"
      }
    ],
    ...reach
  },
  {
    name: "condition-not-read-on",
    breaks:
      "Events that were accepted after the read of a condition, and before its events are kept in memory, are missed.",
    edits: [{ file: conditions, find: "one.checkedTo < start)", replace: "one.checkedTo < start && start === -1)" }],
    ...reach
  },
  {
    name: "state-in-memory-trusted",
    breaks: "A decider decides on the state that it has in memory, although others have appended to the stream.",
    edits: [
      {
        file: "services/AggregateStates.ts",
        find: "known.revision === end?.revision && known.generation === end.generation",
        replace: "known.revision >= 0"
      }
    ],
    ...reach
  }
]
