/** Mutants of segments: flush, close, clean close, repack, clone. */
import type { Mutant } from "./mutant.ts"

const folder = "layers/folder/SegmentFiles.ts"
const closing = "services/write/flush.ts"

const closeOldest = `  const stuck = yield* flushFile(lib, file)
  if (stuck !== undefined) return stuck
  yield* foldCheckpoints(lib, file)
  yield* lib.meta.append({ $type: "LiteLib.Closed", dynamic: file.dynamic, anchor: file.anchor })
`

const closed = '  yield* lib.meta.append({ $type: "LiteLib.Closed", dynamic: file.dynamic, anchor: file.anchor })\n'

const clean = '  yield* lib.meta.append({ $type: "LiteLib.Clean", anchor: lib.journal.durable })\n'
const dropAll = "  for (const file of lib.journal.files) yield* drop(lib, file)\n"

const finishing = "services/maintenance/copy/finishCopy.ts"

const copiedMetas = `  yield* Effect.forEach(
    made,
    (tape, at) => Effect.andThen(source.guard.checkOpen, writeMeta(copy, tape, listings[at]!.tape)),
    { concurrency: tapesAtOnce, discard: true }
  )
`

const copyRead = "  yield* readBack(source, makeHandle(root, source.settings, opened), copy)\n"
const copyDone = "  yield* root.meta.replace(undefined, copy.version, written.bytes)\n"

export const segments: ReadonlyArray<Mutant> = [
  {
    name: "copy-not-marked",
    breaks: "The lib meta of a copy does not say that it is unfinished.",
    edits: [
      {
        file: "services/maintenance/copy/CopyLib.ts",
        find: '[meta, { $type: "LiteLib.Unfinished", from }]',
        replace: "from === '' ? [] : [meta]"
      }
    ],
    histories: [["append", "copyLib"]]
  },
  {
    name: "copy-listed-first",
    breaks: "A copy is made a lib before the meta of its tapes is written.",
    edits: [
      { file: finishing, find: copiedMetas, replace: "" },
      { file: finishing, find: copyRead + copyDone, replace: copyDone + copiedMetas + copyRead }
    ],
    histories: [["append", "copyLib"]]
  },
  {
    name: "segment-not-synced",
    breaks: "A segment is renamed into place without a sync.",
    edits: [{ file: folder, find: "Effect.andThen(sink.end, file.sync)", replace: "sink.end" }],
    histories: [
      ["append", "flush"],
      ["append", "repack"]
    ]
  },
  {
    name: "segment-folder-not-synced",
    breaks: "The folder is not synced after a segment was renamed into it.",
    edits: [{ file: folder, find: "yield* ours(syncFolder(place, folder))", replace: "" }],
    histories: [
      ["append", "flush"],
      ["append", "repack"]
    ],
    before: ["syncFolder"],
    lossesMax: 12
  },
  {
    name: "shard-folder-not-synced",
    breaks: "The folder of the tape is not synced after a shard folder was created in it.",
    edits: [{ file: folder, find: "yield* syncFolder(place, tapeFolder)", replace: "" }],
    histories: [
      ["append", "repack"],
      ["appendAll", "repack", "repack"]
    ],
    before: ["syncFolder"],
    lossesMax: 12
  },
  {
    name: "meta-before-segment",
    breaks: "Tape meta lists a segment before the file exists.",
    edits: [
      {
        file: closing,
        find: "writeNextSegmentAs(lib.root, options, (append) => copyParts(lib, copy, append))",
        replace:
          "writeNextSegmentAs({ ...lib.root, segments: { ...lib.root.segments, write: (_, __, fill) => fill(() => Effect.void) } }, options, (append) => copyParts(lib, copy, append))"
      },
      {
        file: closing,
        find: '  yield* tape.meta.append({ $type: "LiteTape.Segment", ...segment })\n',
        replace: `  yield* tape.meta.append({ $type: "LiteTape.Segment", ...segment })
  yield* lib.guard.step(writeNextSegmentAs(lib.root, options, (append) => copyParts(lib, copy, append)))
`
      }
    ],
    histories: [["append", "flush"]]
  },
  {
    name: "closed-before-flushes",
    breaks: "Lib meta lists a dynamic segment as closed before the tapes in it are flushed.",
    edits: [{ file: closing, find: closeOldest, replace: closed + closeOldest.replace(closed, "") }],
    histories: [
      ["roll", "append", "append"],
      ["append", "roll", "roll", "close"]
    ]
  },
  {
    name: "unlinked-before-closed",
    breaks: "I4: a dynamic segment is unlinked before `LiteLib.Closed` is written.",
    edits: [
      {
        file: closing,
        find: `${closed}  yield* drop(lib, file)\n`,
        replace: `  yield* drop(lib, file)\n${closed}`
      }
    ],
    histories: [
      ["roll", "append", "append"],
      ["append", "roll", "roll", "close"]
    ]
  },
  {
    name: "clean-before-flushes",
    breaks: "Lib meta says `LiteLib.Clean` before the tapes are flushed.",
    edits: [
      { file: closing, find: `${clean}${dropAll}`, replace: dropAll },
      {
        file: closing,
        find: "  for (const file of lib.journal.files) {\n    const stuck",
        replace: `${clean}  for (const file of lib.journal.files) {\n    const stuck`
      }
    ],
    histories: [
      ["append", "close"],
      ["events", "close", "append"]
    ]
  },
  {
    name: "unlinked-before-clean",
    breaks: "I4: a clean close unlinks the dynamic segments before it writes `LiteLib.Clean`.",
    edits: [{ file: closing, find: `${clean}${dropAll}`, replace: `${dropAll}${clean}` }],
    histories: [
      ["append", "close"],
      ["events", "close", "append"]
    ]
  },
  {
    name: "clean-not-synced",
    breaks: "`LiteLib.Clean` is not synced before the dynamic segments are unlinked.",
    edits: [
      {
        file: "layers/folder/MetaAppends.ts",
        find: "yield* file.datasync",
        replace: 'if (!Buffer.from(bytes).includes("LiteLib.Clean")) yield* file.datasync'
      }
    ],
    histories: [
      ["append", "close"],
      ["events", "close", "append"]
    ]
  },
  {
    name: "last-batch-too-low",
    breaks: "Skip rule: the `lastBatch` of a segment is one too low.",
    edits: [{ file: closing, find: "lastBatch: last.batch }", replace: "lastBatch: last.batch - 1 }" }],
    histories: [["append", "flush"]]
  },
  {
    name: "last-batch-too-high",
    breaks: "Skip rule: the `lastBatch` of a segment is one too high.",
    edits: [{ file: closing, find: "lastBatch: last.batch }", replace: "lastBatch: last.batch + 1 }" }],
    histories: [
      ["append", "flush", "append"],
      ["append", "flush"]
    ]
  },
  {
    name: "repack-unlinks-first",
    breaks: "I4: a repack unlinks the old segments before the new meta is durable.",
    edits: [
      {
        file: "services/maintenance/repack/Repack.ts",
        find: "    yield* tape.meta.replace(TapeState.afterRepack(tape.state, run, added, why))\n",
        replace: `    yield* Effect.forEach(run, (segment) => removeSegment(lib, tape.name, segment.name), { discard: true })
    yield* tape.meta.replace(TapeState.afterRepack(tape.state, run, added, why))
`
      }
    ],
    histories: [
      ["append", "repack"],
      ["append", "flush", "append", "repack"]
    ],
    before: ["rename", "unlink", "create"]
  },
  {
    name: "merge-unlinks-first",
    breaks: "I4: a merge unlinks the small segments before the new meta is durable.",
    edits: [
      {
        file: "services/maintenance/repack/Repack.ts",
        find: "    yield* tape.meta.replace(TapeState.afterRepack(tape.state, run, added, why))\n",
        replace: `    if (why === "merge") yield* Effect.forEach(run, (segment) => removeSegment(lib, tape.name, segment.name), { discard: true })
    yield* tape.meta.replace(TapeState.afterRepack(tape.state, run, added, why))
`
      }
    ],
    histories: [["merge"], ["merge", "close"]],
    before: ["rename", "unlink", "create"]
  },
  {
    name: "clone-listed-before-its-meta",
    breaks: "A clone is listed before its meta is written.",
    edits: [
      {
        file: "services/maintenance/Clone.ts",
        find: `    yield* lib.guard.step(lib.root.meta.replace(name, empty?.version, written.bytes))
    yield* lib.meta.append({ $type: "LiteLib.Tape", ...listed })
`,
        replace: `    yield* lib.meta.append({ $type: "LiteLib.Tape", ...listed })
    yield* lib.guard.step(lib.root.meta.replace(name, empty?.version, written.bytes))
`
      }
    ],
    histories: [["append", "clone"]]
  },
  {
    name: "salvage-drops-the-loss",
    breaks: "A salvage keeps what is proved and does not record what is lost.",
    edits: [
      {
        file: "services/maintenance/salvage/rebuild.ts",
        find: "    lost: losses.all(lib.journal.durable.position),",
        replace: "    lost: [],"
      }
    ],
    histories: [["appendAll", "close", "salvage"]]
  },
  {
    name: "salvage-lists-first",
    breaks: "A salvage lists the new id in lib meta before tape meta has it.",
    edits: [
      {
        file: "services/maintenance/salvage/SalvageTape.ts",
        find: `      yield* tape.meta.replace(TapeState.again(state))
      yield* lib.meta.append(relist)
`,
        replace: `      yield* lib.meta.append(relist)
      yield* tape.meta.replace(TapeState.again(state))
`
      }
    ],
    histories: [["appendAll", "close", "salvage"]]
  },
  {
    name: "salvage-removes-before-meta",
    breaks: "I4: a salvage removes the good files that it has copied before tape meta lists the copies.",
    edits: [
      {
        file: "services/maintenance/salvage/SalvageTape.ts",
        find: "      yield* tape.meta.replace(TapeState.again(state))\n",
        replace: `      for (const name of copied) yield* Effect.ignore(lib.root.segments.remove(listed.name, name))
      yield* tape.meta.replace(TapeState.again(state))
`
      }
    ],
    histories: [["appendAll", "close", "appendAll", "close", "salvage"]]
  }
]
