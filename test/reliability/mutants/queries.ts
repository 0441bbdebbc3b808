/** Mutants of the terms by which queries look events up. */
import type { Mutant, Reach } from "./mutant.ts"

const reach: Reach = {
  histories: [
    ["events", "events"],
    ["events", "flush", "events"],
    ["events", "close"]
  ]
}

export const queryMutants: ReadonlyArray<Mutant> = [
  {
    name: "last-posting-left-out",
    breaks: "The index of a segment does not list the last event of each term.",
    edits: [
      {
        file: "domain/segment/indexTerms.ts",
        find: "const events = table.rowsAt(term)",
        replace: "const events = table.rowsAt(term).slice(0, Math.max(1, table.countAt(term) - 1))"
      }
    ],
    ...reach
  },
  {
    name: "hash-of-a-tag-trusted",
    breaks: "An event that is found by the hash of a tag is not compared with the query.",
    edits: [
      {
        file: "services/streams/MatchCursor.ts",
        find: "events.filter((event) => filter.matches(event))",
        replace: "events.slice(0, filter === undefined ? 0 : undefined)"
      }
    ],
    ...reach
  },
  {
    name: "terms-not-read-back",
    breaks: "A query does not look at the events of dynamic segments that a writer before has left.",
    edits: [
      {
        file: "services/journal/FileTerms.ts",
        find: "terms.add(bytes, start, start + length)",
        replace: "terms.add(bytes, start, start)"
      }
    ],
    ...reach
  },
  {
    name: "terms-of-appends-not-kept",
    breaks: "Once a query has looked into a dynamic segment, it does not notice what is appended to it later.",
    edits: [
      {
        file: "services/write/CommitGroup.ts",
        find: "events.addTerms(event.part.buffer, event.start, event.end)",
        replace: "events.addTerms(event.part.buffer, event.start, event.start)"
      }
    ],
    ...reach
  }
]
