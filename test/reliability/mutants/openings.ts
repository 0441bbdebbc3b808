/** Mutants of opening, when a writer takes over from the writer before it, and of recovery. */
import type { Mutant } from "./mutant.ts"

const takeOver = "services/lib/takeOver.ts"
const registry = "services/lib/TapeRegistry.ts"
const partsAfter = "services/lib/partsAfter.ts"
const dynamics = "layers/folder/JournalStore.ts"

export const openings: ReadonlyArray<Mutant> = [
  {
    name: "inherited-batch-trusted",
    breaks: "I2: the last batch of the writer before is not written again.",
    edits: [
      {
        file: takeOver,
        find: "const { anchor, files, last } = scanned",
        replace: "const { anchor, files } = scanned\n  const last: Scanned['last'] = undefined"
      },
      {
        file: takeOver,
        find: "if (file.anchor.batch < anchor.batch) return [file]",
        replace: "if (true) return [file]"
      },
      { file: "domain/meta/LibFold.ts", find: "limit >= record.upto", replace: "limit > record.upto" }
    ],
    histories: [["cut append"], ["append", "cut appendAll"]]
  },
  {
    name: "inherited-file-appended-to",
    breaks: "I2: a writer appends to a dynamic segment of the writer before.",
    edits: [
      {
        file: takeOver,
        find: "  const { state } = read\n",
        replace: `  const { state } = read
  const inherited = scanned.files.at(-1)
  if (inherited !== undefined && scanned.torn === undefined && !read.chain.torn && inherited.dynamic === read.state.highest) {
    const writer = yield* root.journal.create(inherited.dynamic, new Uint8Array(0), inherited.size)
    const { dynamic, size, anchor, parts } = inherited
    const current = new DynamicFile({ dynamic, writer, size, anchor, events: new DynamicEvents() })
    for (const [tape, all] of parts) for (const part of all) current.addPart(tape, { ...part, file: current })
    current.stampFirstBatch(yield* Clock.currentTimeMillis)
    return {
      meta: { state, version: read.version, end: read.chain.end, bytes: read.bytes },
      files: [...scanned.files.slice(0, -1), current],
      durable: scanned.anchor
    }
  }
`
      },
      {
        file: dynamics,
        find: 'create: (n, bytes) => writing(place, "journal.create", pathOf(n), () => create(pathOf(n), bytes)),',
        replace: `create: (n, bytes, inherited) => writing(place, "journal.create", pathOf(n), () =>
      inherited === undefined ? create(pathOf(n), bytes) : Effect.map(disk.openWrite(pathOf(n)), (file) => makeWriter(place, file, pathOf(n), inherited))),`
      }
    ],
    histories: [["cut append"], ["append", "cut appendAll"]]
  },
  {
    name: "inherited-meta-trusted",
    breaks: "I2: tape meta of the writer before is not written again.",
    edits: [
      {
        file: registry,
        find: "const version = yield* guard.step(root.meta.replace(name, meta.version, meta.bytes))",
        replace: "const { version } = meta"
      }
    ],
    histories: [["append", "cut flush"], ["cut user"]]
  },
  {
    name: "clean-end-trusts-unread-tapes",
    breaks: "I2: `LiteLib.Clean` is written although tape metas of an earlier writer were not written again.",
    edits: [{ file: "services/write/flush.ts", find: "if (lib.tapes.unclean) {", replace: "if (false) {" }],
    histories: [["user"], ["append", "repack"]],
    before: ["syncFolder"]
  },
  {
    name: "garbage-removed-first",
    breaks: "I4: files that an inherited meta does not list are unlinked before that meta is durable.",
    edits: [
      {
        file: registry,
        find: "    // I2: files of an interrupted writer may be readable",
        replace:
          "    yield* removeGarbage(root, name, meta.state)\n    // I2: files of an interrupted writer may be readable"
      }
    ],
    histories: [
      ["appendAll", "flush", "cut repack"],
      ["appendAll", "cut repack"]
    ],
    before: ["create", "rename", "syncFolder"],
    lossesMax: 8
  },
  {
    name: "skip-rule-too-low",
    breaks: "Skip rule: the last batch in the segments of a tape is read from dynamic segments a second time.",
    edits: [{ file: partsAfter, find: "part.batch > state.lastBatch)", replace: "part.batch >= state.lastBatch)" }],
    histories: [["append", "flush"]]
  },
  {
    name: "skip-rule-too-high",
    breaks: "Skip rule: the first batch after the segments of a tape is skipped.",
    edits: [{ file: partsAfter, find: "part.batch > state.lastBatch)", replace: "part.batch > state.lastBatch + 1)" }],
    histories: [
      ["append", "flush", "append"],
      ["append", "append"]
    ]
  },
  {
    name: "limits-ignored",
    breaks: "Batches of an old dynamic segment are read although they are above the limit that the new epoch gave it.",
    edits: [
      {
        file: "services/journal/DynamicScan.ts",
        find: "DynamicSegment.scan(bytes, anchor, live.limit)",
        replace: "DynamicSegment.scan(bytes, anchor, undefined)"
      }
    ],
    histories: [
      ["append", "append", "kill"],
      ["append", "cut append"]
    ]
  },
  {
    name: "epoch-before-its-file",
    breaks: "Lib meta begins an epoch before the dynamic segment of that epoch exists.",
    edits: [
      { file: takeOver, find: "  const writer = yield* root.journal.create(dynamic, first)\n", replace: "" },
      {
        file: takeOver,
        find: "  const version = yield* root.meta.replace(undefined, read.version, written.bytes)\n",
        replace: `  const version = yield* root.meta.replace(undefined, read.version, written.bytes)
  const writer = yield* root.journal.create(dynamic, first)
`
      }
    ],
    histories: [["append", "kill"], ["append"]],
    nestedEvery: 4
  },
  {
    name: "old-files-dropped-before-epoch",
    breaks: "I4: dynamic segments that the new epoch does not need are unlinked before it is durable.",
    edits: [
      {
        file: takeOver,
        find: "  const writer = yield* root.journal.create(dynamic, first)\n",
        replace: `  const writer = yield* root.journal.create(dynamic, first)
  for (const file of files) if (old.every((kept) => kept.dynamic !== file.dynamic)) yield* root.journal.drop(file.dynamic)
`
      }
    ],
    histories: [["append", "kill"], ["append"]],
    nestedEvery: 4
  },
  {
    name: "leftovers-kept-until-the-epoch",
    breaks:
      "A leftover dynamic segment of an interrupted opening, with a number above the new one, is not dropped before the epoch.",
    edits: [
      {
        file: takeOver,
        find: "    if (left > state.highest && !(yield* mayBeListed(root, state, left))) yield* root.journal.drop(left)",
        replace: "    void left"
      }
    ],
    histories: [
      ["cut roll", "append"],
      ["roll", "cut roll"]
    ],
    before: ["rename"],
    lossesMax: 2
  },
  {
    name: "recover-drops-the-tail",
    breaks: "A recovered tape has the records in its segments, but not those in dynamic segments.",
    edits: [
      {
        file: "services/maintenance/recover/RecoverTape.ts",
        find: "const { files, tails, nextNumber } = plan",
        replace: "const { files, nextNumber } = plan\n  const tails: typeof plan.tails = []"
      }
    ],
    histories: [
      ["appendAll", "recover"],
      ["append", "append", "recover"]
    ]
  },
  {
    name: "recover-lib-drops-the-tail",
    breaks: "A recovered lib has the records in segments, but not those in dynamic segments.",
    edits: [
      {
        file: "services/maintenance/recover/AdoptTape.ts",
        find: "const { placed, unplaced } =",
        replace: "const placed: Array<{ lostBefore: number }> = []\n  const { unplaced } ="
      }
    ],
    histories: [
      ["append", "recoverLib"],
      ["appendAll", "recoverLib"]
    ]
  },
  {
    name: "recover-lib-drops-first",
    breaks: "Recovery of a lib drops dynamic segments before the tapes have their records.",
    edits: [
      {
        file: "services/maintenance/recover/RecoverLib.ts",
        find: "  for (const { dynamic } of orphans.files) yield* root.journal.drop(dynamic)\n",
        replace: ""
      },
      {
        file: "services/maintenance/recover/RecoverLib.ts",
        find: "  const tapes: Array<Adopted> = []\n",
        replace:
          "  for (const { dynamic } of orphans.files) yield* lib.root.journal.drop(dynamic)\n  const tapes: Array<Adopted> = []\n"
      }
    ],
    histories: [
      ["append", "recoverLib"],
      ["appendAll", "recoverLib"]
    ]
  }
]
