/** Changes of the protocol that no crash and no error can show, each with the reason. They do not count as mutants. */
import type { Harmless } from "./mutant.ts"

export const harmless: ReadonlyArray<Harmless> = [
  {
    name: "mark-counts-not-checked",
    breaks: "The counts in a mark are not compared with the lines before it.",
    because:
      "The hash of the mark covers its counts and the lines: if it matches, both are as they were written. No crash can produce a mismatch of the counts, only somebody who forges the hash; the check is against that.",
    edits: [
      {
        file: "domain/journal/DynamicSegment.ts",
        find: "return offset === end ? parts : undefined",
        replace: "return parts"
      }
    ],
    histories: [["roll"], ["roll", "appendAll"]]
  },
  {
    name: "quarantine-not-synced",
    breaks: "The quarantine copy of a torn tail is not synced.",
    because:
      "The tail was never acknowledged and is kept only for a person to read. No code reads it, and no promise covers it.",
    edits: [
      {
        file: "layers/folder/Quarantine.ts",
        find: "      yield* syncFolder(place, location)\n      return path\n",
        replace: "      return path\n"
      }
    ],
    histories: [["roll", "cut", "append"]]
  },
  {
    name: "batch-in-two-writes",
    breaks: "The lines of a batch and its mark are written by two writes before one sync.",
    because:
      "The parts of a single write may reach the disk in any order too, so nothing relies on a single write. The hash of the mark shows whether the batch is whole.",
    edits: [
      {
        file: "layers/folder/JournalStore.ts",
        find: "Effect.andThen(file.write(written, end), file.datasync)",
        replace: `file.write(bytes.subarray(0, -9), end).pipe(
          Effect.andThen(file.write(bytes.subarray(-9), end + bytes.length - 9)),
          Effect.andThen(file.datasync)
        )`
      }
    ],
    histories: [["append"], ["appendAll", "events"]]
  }
]
