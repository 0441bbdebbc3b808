/** Mutants that a disk shows which says no: failed syncs that are tried again, or passed over, and writers that go on. */
import type { Mutant } from "./mutant.ts"

const dynamics = "layers/folder/JournalStore.ts"
const meta = "layers/folder/MetaStore.ts"
const writeAndSync = "Effect.andThen(file.write(written, end), file.datasync)"

export const errors: ReadonlyArray<Mutant> = [
  {
    name: "batch-sync-retried",
    breaks: "A sync of a batch that failed is tried again, and its word is taken.",
    edits: [
      {
        file: dynamics,
        find: writeAndSync,
        replace: "Effect.andThen(file.write(written, end), Effect.catch(file.datasync, () => file.datasync))"
      }
    ],
    histories: [["append"], ["append", "append"]],
    errorsOf: ["datasync"]
  },
  {
    name: "batch-sync-ignored",
    breaks: "A batch is acknowledged though its sync failed.",
    edits: [
      {
        file: dynamics,
        find: writeAndSync,
        replace: "Effect.andThen(file.write(written, end), Effect.ignore(file.datasync))"
      }
    ],
    histories: [["append"], ["append", "append"]],
    errorsOf: ["datasync"]
  },
  {
    name: "lib-meta-sync-retried",
    breaks: "A sync of lib meta that failed is tried again, and its word is taken.",
    edits: [
      {
        file: meta,
        find: ", Effect.andThen(file.datasync)",
        replace: ", Effect.andThen(Effect.catch(file.datasync, () => file.datasync))"
      }
    ],
    histories: [["archive"], ["roll", "append"]],
    errorsOf: ["datasync"]
  },
  {
    name: "new-file-sync-retried",
    breaks: "A sync of a new meta that failed is tried again, and its word is taken.",
    edits: [
      {
        file: "layers/folder/files.ts",
        find: "Effect.andThen(written, file.sync)",
        replace: "Effect.andThen(written, Effect.catch(file.sync, () => file.sync))"
      }
    ],
    histories: [["user"], ["append", "flush"]],
    errorsOf: ["sync"]
  },
  {
    name: "segment-sync-retried",
    breaks: "A sync of a segment that failed is tried again, and its word is taken.",
    edits: [
      {
        file: "layers/folder/SegmentFiles.ts",
        find: "Effect.andThen(sink.end, file.sync)",
        replace: "Effect.andThen(sink.end, Effect.catch(file.sync, () => file.sync))"
      }
    ],
    histories: [
      ["append", "flush"],
      ["append", "repack"]
    ],
    errorsOf: ["sync"]
  },
  {
    name: "folder-sync-ignored",
    breaks: "A change of meta is said to be done though the sync of its folder failed.",
    edits: [
      {
        file: meta,
        find: "yield* disk.syncFolder(folderOf(owner))",
        replace: "yield* Effect.ignore(disk.syncFolder(folderOf(owner)))"
      }
    ],
    histories: [["user"], ["append", "flush"]],
    errorsOf: ["syncFolder"]
  },
  {
    name: "poison-not-set",
    breaks: "I6: a writer goes on after a write or a sync of it failed.",
    edits: [
      {
        file: "services/lib/WriterGuard.ts",
        find: "onFailure: (error) => Effect.fail(this.stop(error.message)),",
        replace:
          "onFailure: (error) => Effect.fail(new WriterPoisoned({ location: this.#root.location, cause: error.message })),"
      },
      { file: dynamics, find: 'state = "failed"', replace: 'state = "ready"' }
    ],
    histories: [["append"], ["roll"]],
    errorsOf: ["datasync", "write"]
  },
  {
    name: "unknown-said-as-not-done",
    breaks: "A batch whose sync failed is said not to be there, though it may be found later.",
    edits: [
      {
        file: "services/write/CommitLoop.ts",
        find: "this.#done(queued, Exit.fail(new CommitOutcomeUnknown({ location, cause })))",
        replace: "this.#done(queued, Exit.fail(new WriterPoisoned({ location, cause })))"
      }
    ],
    histories: [["append"], ["appendAll", "events"]],
    errorsOf: ["datasync", "write"]
  }
]
