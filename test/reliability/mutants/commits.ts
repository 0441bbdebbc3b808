/** Mutants of the commit (what is written, synced and acknowledged, in which order) and of reading batches back. */
import type { Mutant } from "./mutant.ts"

const dynamics = "layers/folder/JournalStore.ts"
const loop = "services/write/CommitLoop.ts"
const segment = "domain/journal/DynamicSegment.ts"
const writer = "services/write/Writer.ts"
const writeAndSync = "Effect.andThen(file.write(written, end), file.datasync)"

export const commits: ReadonlyArray<Mutant> = [
  {
    name: "no-data-sync",
    breaks: "Batches are never synced.",
    edits: [{ file: dynamics, find: writeAndSync, replace: "file.write(written, end)" }],
    histories: [["append"], ["appendAll", "events"]]
  },
  {
    name: "acknowledged-before-sync",
    breaks: "A batch is acknowledged once it is written; the sync follows later.",
    edits: [
      {
        file: dynamics,
        find: writeAndSync,
        replace: "Effect.andThen(file.write(written, end), Effect.forkDetach(file.datasync))"
      }
    ],
    histories: [["append"], ["appendAll", "events"]]
  },
  {
    name: "sync-before-write",
    breaks: "A batch is synced before it is written.",
    edits: [{ file: dynamics, find: writeAndSync, replace: "Effect.andThen(file.datasync, file.write(written, end))" }],
    histories: [["append"], ["appendAll", "events"]]
  },
  {
    name: "mark-behind-the-sync",
    breaks: "The end of the mark is written after the sync.",
    edits: [
      {
        file: dynamics,
        find: writeAndSync,
        replace: `file.write(bytes.subarray(0, -9), end).pipe(
          Effect.andThen(file.datasync),
          Effect.andThen(file.write(bytes.subarray(-9), end + bytes.length - 9))
        )`
      }
    ],
    histories: [["append"], ["appendAll", "events"]]
  },
  {
    name: "hint-before-sync",
    breaks: "The hint names a batch before that batch is synced.",
    edits: [
      {
        file: loop,
        find: "return Effect.matchEffect(lib.guard.step(file.writer!.append(batch.bytes)), {",
        replace: `const early = lib.root.hint.write(Hint.encode({ boot: lib.root.boot ?? "", batch: group.batch }))
    return Effect.matchEffect(lib.guard.step(Effect.andThen(early, file.writer!.append(batch.bytes))), {`
      }
    ],
    histories: [["append"], ["append", "append"]]
  },
  {
    name: "pipelined-batches",
    breaks: "I1: a batch is written while the sync of the batch before is under way.",
    edits: [
      {
        file: loop,
        find: "new CommitGroup(lib.journal.durable, this.#buffer)",
        replace: "new CommitGroup(lib.journal.durable, Buffer.alloc(4096))"
      },
      {
        file: loop,
        find: "return Effect.matchEffect(lib.guard.step(file.writer!.append(batch.bytes)), {",
        replace: `group.publish(lib.journal, batch)
    group.publish = () => {}
    const committed = Effect.matchEffect(lib.guard.step(file.writer!.append(batch.bytes)), {
      onFailure: (error) => this.#unknown(requests, error.cause),
      onSuccess: () => this.#acknowledge(group, batch, requests)
    })
    if (true) return Effect.andThen(Effect.forkDetach(committed), Effect.yieldNow)
    return Effect.matchEffect(Effect.fail({ cause: "" }), {`
      },
      { file: dynamics, find: 'if (state === "appending") return', replace: "if (false) return" },
      { file: dynamics, find: 'if (state !== "ready") return', replace: 'if (state === "failed") return' },
      {
        file: dynamics,
        find: `return Effect.matchEffect(${writeAndSync}, {`,
        replace:
          "const at = end\n          end += bytes.length\n          return Effect.matchEffect(Effect.andThen(file.write(written, at), file.datasync), {"
      },
      { file: dynamics, find: "              end += bytes.length\n", replace: "" }
    ],
    histories: [["together", "together"]],
    before: ["datasync"],
    lossesMax: 8
  },
  {
    name: "mark-hash-not-checked",
    breaks: "A batch is accepted although its bytes do not match the hash in its mark.",
    edits: [
      {
        file: segment,
        find: 'if (markHash(bytes.subarray(start, markAt), mark) !== mark.hash) return "the batch does not match its mark"',
        replace: ""
      }
    ],
    histories: [["roll"], ["append", "roll"], ["roll", "append"]],
    before: ["datasync"],
    lossesMax: 16
  },
  {
    name: "room-taken-for-a-torn-end",
    breaks: "Zeros after the last batch of a dynamic segment (room) count as a torn tail.",
    edits: [{ file: segment, find: "while (end > 0 && bytes[end - 1] === 0) end--", replace: "" }],
    histories: [
      ["append", "append", "roll"],
      ["append", "append", "append", "roll"]
    ]
  },
  {
    name: "torn-end-refused",
    breaks: "A torn tail counts as damage to acknowledged data.",
    edits: [
      {
        file: segment,
        find: 'return { offset, why, kind: "torn" }',
        replace: 'return { offset, why, kind: "acknowledged" }'
      }
    ],
    histories: [["append"], ["roll"]]
  },
  {
    name: "dynamic-not-synced",
    breaks: "The first bytes of a new dynamic segment, including a copied batch, are not synced.",
    edits: [{ file: dynamics, find: "        Effect.andThen(file.sync),\n", replace: "" }],
    histories: [
      ["append", "kill"],
      ["roll", "append"]
    ]
  },
  {
    name: "dynamic-folder-not-synced",
    breaks: "The folder is not synced after a dynamic segment was created in it.",
    edits: [{ file: dynamics, find: "Effect.andThen(syncFolder(place, location)),", replace: "" }],
    histories: [
      ["roll", "append"],
      ["append", "kill"]
    ]
  },
  {
    name: "leftover-dynamic-reused",
    breaks:
      "I3: a leftover of an interrupted opening with the number of a new dynamic segment is overwritten, not replaced.",
    edits: [
      {
        file: "services/lib/takeOver.ts",
        find: "    if (left > state.highest && !(yield* mayBeListed(root, state, left))) yield* root.journal.drop(left)",
        replace: "    if (left > dynamic) yield* root.journal.drop(left)"
      },
      {
        file: dynamics,
        find: "const file = yield* within(place, disk.create(made))",
        replace: "const file = yield* Effect.catch(disk.openWrite(path), () => disk.create(path))"
      },
      { file: dynamics, find: "        Effect.andThen(moveIn(place, made, path)),\n", replace: "" }
    ],
    histories: [["cut roll"]],
    before: ["create", "rename", "sync", "syncFolder"]
  },
  {
    name: "dynamic-listed-before-made",
    breaks: "A dynamic segment is listed before it is created.",
    edits: [
      {
        file: writer,
        find: `        const writer = yield* lib.guard.step(lib.root.journal.create(dynamic, header))
        yield* lib.meta.append({ $type: "LiteLib.Dynamic", dynamic })
`,
        replace: `        yield* lib.meta.append({ $type: "LiteLib.Dynamic", dynamic })
        const writer = yield* lib.guard.step(lib.root.journal.create(dynamic, header))
`
      }
    ],
    histories: [["roll", "append"]]
  }
]
