/** Changes of the protocol that no crash and no error can show, each with the argument why. They count for nothing. */
import type { Harmless } from "./mutant.ts"

export const harmless: ReadonlyArray<Harmless> = [
  {
    name: "mark-counts-not-checked",
    breaks: "It is not checked that a mark counts the lines before it.",
    because:
      "The mark's hash is over its counts as well as over the lines: where it holds, both are as they were written. What crashes cannot make, somebody who forges a hash can: the check is for those.",
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
    name: "segment-leftover-not-unlinked",
    breaks: "A leftover under a segment's name is not unlinked before the segment is renamed to it.",
    because:
      "A rename replaces what has the name; a crash leaves one or the other under it, and meta lists neither yet.",
    edits: [
      {
        file: "layers/folder/SegmentFiles.ts",
        find: "              Effect.andThen(unlinkIfThere(disk, path)),\n",
        replace: ""
      }
    ],
    histories: [["append", "cut", "flush", "cut"]]
  },
  {
    name: "quarantine-not-synced",
    breaks: "What is set aside of a torn end is not synced.",
    because:
      "It was never acknowledged, and is kept for a human to look at: nothing reads it, and no promise is about it.",
    edits: [
      {
        file: "layers/folder/Quarantine.ts",
        find: "      yield* disk.syncFolder(location)\n      return path\n",
        replace: "      return path\n"
      }
    ],
    histories: [["roll", "cut", "append"]]
  },
  {
    name: "batch-in-two-writes",
    breaks: "The lines of a batch and its mark are two writes before one sync.",
    because:
      "The parts of one write reach the disk in any order too, so nothing rests on its being one; the mark's hash says whether all is there.",
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
