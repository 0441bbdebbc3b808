/**
 * Mutants of the fence: a writer that was overtaken continues, or one that takes over misses something. And of what is
 * done with a lib that was copied by hand.
 */
import type { Mutant } from "./mutant.ts"

const opening = "layers/folder/open.ts"
const own = "layers/folder/WriterFolder.ts"
const dynamics = "layers/folder/JournalStore.ts"

export const fences: ReadonlyArray<Mutant> = [
  {
    name: "no-look-before-acknowledging",
    breaks: "I7: a batch is acknowledged without a look whether another writer has taken over.",
    edits: [
      { file: "services/write/CommitLoop.ts", find: "Effect.andThen(lib.guard.checkLock, hint)", replace: "hint" }
    ],
    histories: [],
    overtakes: ["append", "append events"]
  },
  {
    name: "looks-only",
    breaks: "I7: the files of a writer are not renamed out of its own folder: there are only looks before each rename.",
    edits: [
      {
        file: own,
        find: "  for (const name of yield* disk.list(location)) {\n      const path = join(location, name)",
        replace: `  for (const name of yield* disk.list(location)) {
      const path = join(location, name)
      if (isWriterFolder(name) && join(location, name) !== own.path) {
        yield* orAbsent(disk.unlink(join(location, name, ownerFile)))
        continue
      }`
      }
    ],
    histories: [],
    overtakes: ["flush", "set user metadata", "repack", "create a tape"]
  },
  {
    name: "fence-behind-the-scan",
    breaks: "I7: whoever takes over stops the writer before only after it has read what that one has committed.",
    edits: [
      { file: opening, find: "    yield* WriterFolder.removeOthers(disk, location, own)\n", replace: "" },
      {
        file: dynamics,
        find: "      yield* place.keepLock\n",
        replace: "      yield* place.keepLock\n      yield* removeOthers(disk, location, place.own!)\n"
      },
      {
        file: dynamics,
        find: 'import { fileAt, join } from "./files.ts"\n',
        replace: 'import { fileAt, join } from "./files.ts"\nimport { removeOthers } from "./WriterFolder.ts"\n'
      }
    ],
    histories: [],
    overtakes: ["opening while the one before appends"]
  },
  {
    name: "next-number",
    breaks: "I7: the new dynamic segment gets the number that the writer before may still list.",
    edits: [
      {
        file: "services/lib/takeOver.ts",
        find: "(epoch === 0 ? highest + 1 : highest + 2)",
        replace: "highest + 1 + 0 * epoch"
      }
    ],
    histories: [],
    overtakes: ["roll while another opens"]
  },
  {
    name: "preparation-dropped-early",
    breaks: "I7: whoever takes over drops the dynamic segment that the writer before has prepared before the decision.",
    edits: [
      {
        file: "services/lib/takeOver.ts",
        find: "if (left > state.highest && !(yield* mayBeListed(root, state, left)))",
        replace: "if (left > state.highest)"
      }
    ],
    histories: [],
    overtakes: ["roll while another opens"]
  },
  {
    name: "copied-files-trusted",
    breaks: "I2: the files of a lib that was copied by hand are not synced before it is used.",
    edits: [{ file: opening, find: "const synced = yield* syncCopied(disk, location)", replace: "const synced = 0" }],
    histories: [
      ["append", "flush", "copied", "append"],
      ["copied", "append"]
    ]
  },
  {
    name: "copied-folder-trusted",
    breaks: "I2: the files of a lib that was copied by hand are synced, but not their folders.",
    edits: [
      {
        file: "layers/folder/syncCopied.ts",
        find: "    for (const folder of inOrder) yield* unlessRefused(disk.syncFolder(folder), undefined)\n",
        replace: ""
      }
    ],
    histories: [
      ["append", "flush", "copied", "append"],
      ["copied", "append"]
    ]
  }
]
