/**
 * Mutants that only disk errors show: failed syncs that are retried or ignored, and writers that continue after one.
 */
import type { Mutant } from "./mutant.ts"

const dynamics = "layers/folder/JournalStore.ts"
const meta = "layers/folder/MetaStore.ts"
const writeAndSync = "Effect.andThen(file.write(written, end), file.datasync)"

export const errors: ReadonlyArray<Mutant> = [
  {
    name: "batch-sync-retried",
    breaks: "A failed sync of a batch is retried, and the second result is believed.",
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
    breaks: "A batch is acknowledged although its sync failed.",
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
    breaks: "A failed sync of lib meta is retried, and the second result is believed.",
    edits: [
      {
        file: "layers/folder/MetaAppends.ts",
        find: "yield* file.datasync",
        replace: "yield* Effect.catch(file.datasync, () => file.datasync)"
      }
    ],
    histories: [["archive"], ["roll", "append"]],
    errorsOf: ["datasync"]
  },
  {
    name: "new-file-sync-retried",
    breaks: "A failed sync of a new meta is retried, and the second result is believed.",
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
    breaks: "A failed sync of a segment is retried, and the second result is believed.",
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
    breaks: "A change of meta succeeds although the sync of its folder failed.",
    edits: [
      {
        file: meta,
        find: "yield* syncFolder(place, folderOf(owner))",
        replace: "yield* Effect.ignore(disk.syncFolder(folderOf(owner)))"
      }
    ],
    histories: [["user"], ["append", "flush"]],
    errorsOf: ["syncFolder"]
  },
  {
    name: "poison-not-set",
    breaks: "I6: a writer continues after one of its writes or syncs failed.",
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
    breaks: "The error of a batch whose sync failed says that it was not appended, although it may be found later.",
    edits: [
      {
        file: "services/write/CommitLoop.ts",
        find: "this.#done(queued, Exit.fail(new CommitOutcomeUnknown({ location, cause })))",
        replace: "this.#done(queued, Exit.fail(new WriterPoisoned({ location, cause })))"
      }
    ],
    histories: [["append"], ["appendAll", "events"]],
    errorsOf: ["datasync", "write"]
  },
  {
    name: "recovered-files-trusted",
    breaks: "I2: recovery trusts files that an interrupted writer left in the tape's folder.",
    edits: [
      {
        file: "services/maintenance/recover/RecoverTape.ts",
        find: "  for (const file of files) yield* rewriteSegment(lib.segments, name, file.name, file)\n",
        replace: ""
      }
    ],
    histories: [
      ["appendAll", "recover"],
      ["together", "recover", "appendAll"],
      ["append", "append", "recover"]
    ],
    errorsOf: ["syncFolder"],
    isForGood: true
  }
]
