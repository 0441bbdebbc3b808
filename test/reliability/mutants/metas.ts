/** Mutants of changes of meta, of new tapes and of a new lib. */
import type { Mutant } from "./mutant.ts"

const meta = "layers/folder/MetaStore.ts"
const files = "layers/folder/files.ts"
const tapes = "layers/folder/TapeFolders.ts"
const open = "layers/folder/open.ts"
const written = "      yield* putFile(place, path, bytes)\n"

export const metas: ReadonlyArray<Mutant> = [
  {
    name: "renamed-without-sync",
    breaks: "A new file (a replaced meta, the first meta of a tape) is not synced before it is renamed into place.",
    edits: [
      { file: files, find: "return derived ? written : Effect.andThen(written, file.sync)", replace: "return written" }
    ],
    histories: [["user"], ["create", "append"]]
  },
  {
    name: "meta-folder-not-synced",
    breaks: "The folder is not synced after a meta is replaced.",
    edits: [{ file: meta, find: "yield* syncFolder(place, folderOf(owner))", replace: "" }],
    histories: [["user"], ["append", "flush"]]
  },
  {
    name: "lib-meta-not-synced",
    breaks: "Lib meta is appended to without a sync.",
    edits: [{ file: "layers/folder/MetaAppends.ts", find: "          yield* file.datasync\n", replace: "" }],
    histories: [["archive"], ["append", "roll", "append"]]
  },
  {
    name: "meta-written-in-its-place",
    breaks: "A meta is renamed into place before its bytes are written.",
    edits: [
      {
        file: meta,
        find: written,
        replace: `      const made = place.own!.next()
      const file = yield* disk.create(made)
      yield* disk.rename(made, path)
      yield* Effect.andThen(file.write(bytes, 0), file.sync)
      yield* file.close
`
      }
    ],
    histories: [["user"], ["append", "flush"]]
  },
  {
    name: "old-meta-unlinked-first",
    breaks: "I4: the old meta is unlinked before the new one is renamed into place.",
    edits: [
      {
        file: meta,
        find: written,
        replace: `      yield* unlinkIfThere(disk, path)\n${written}`
      }
    ],
    histories: [["user"], ["append", "flush"]]
  },
  {
    name: "leftover-temporary-reused",
    breaks:
      "A meta is written next to its place, and the file that an interrupted change left there is overwritten, not unlinked.",
    edits: [
      {
        file: meta,
        find: `      yield* unlinkIfThere(disk, temporary(path))\n${written}`,
        replace: `      const file = yield* Effect.catch(disk.create(temporary(path)), () => disk.openWrite(temporary(path)))
      yield* Effect.andThen(file.write(bytes, 0), file.sync)
      yield* file.close
      yield* disk.rename(temporary(path), path)
`
      }
    ],
    histories: [["user"], ["append", "flush"]]
  },
  {
    name: "torn-lib-meta-refused",
    breaks: "A last record of lib meta that a crash tore counts as damage.",
    edits: [{ file: "domain/meta/MetaChain.ts", find: "tornTail: true", replace: "tornTail: false" }],
    histories: [["archive"], ["roll", "append"]]
  },
  {
    name: "tape-folder-not-synced",
    breaks: "The folder of a new tape is not synced before it is renamed into place.",
    edits: [{ file: tapes, find: "yield* syncFolder(place, folder)", replace: "" }],
    histories: [["events"]],
    fromStart: true
  },
  {
    name: "tape-listed-before-durable",
    breaks: "A tape is listed before the name of its folder is durable.",
    edits: [{ file: tapes, find: "yield* syncFolder(place, location)", replace: "" }],
    histories: [["events"]],
    fromStart: true
  },
  {
    name: "tape-listed-before-made",
    breaks: "A tape is listed before it is created.",
    edits: [
      {
        file: "services/lib/TapeCatalog.ts",
        find: `      yield* lib.guard.step(lib.root.tapes.create(name, meta.bytes))
      yield* lib.meta.append({ $type: "LiteLib.Tape", ...listed })
`,
        replace: `      yield* lib.meta.append({ $type: "LiteLib.Tape", ...listed })
      yield* lib.guard.step(lib.root.tapes.create(name, meta.bytes))
`
      }
    ],
    histories: [["events"]],
    fromStart: true
  },
  {
    name: "lib-folder-not-synced",
    breaks: "The parent folder of a new lib is not synced.",
    edits: [
      {
        file: open,
        find: "disk.syncFolder(dirname(location)).pipe(Effect.onError(() => Effect.ignore(disk.removeFolder(location))))",
        replace: "Effect.void"
      },
      {
        file: open,
        find: "if (isEmpty(names)) yield* syncAbove(disk, location)",
        replace: "if (isEmpty(names)) yield* Effect.void"
      }
    ],
    histories: [["append"]],
    fromStart: true
  },
  {
    name: "new-lib-trusted",
    breaks:
      "I2: the first meta of a lib is trusted, although the writer that created it may not have synced the folder.",
    edits: [{ file: open, find: "const synced = yield* syncCopied(disk, location)", replace: "const synced = 0" }],
    histories: [["create"]],
    before: ["syncFolder"],
    fromStart: true,
    lossesMax: 12,
    nestedEvery: 1
  }
]
