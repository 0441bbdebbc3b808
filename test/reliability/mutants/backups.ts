/** Mutants of backup and restore. */
import type { Mutant } from "./mutant.ts"

const backup = "services/maintenance/backup/Backup.ts"
const target = "services/maintenance/backup/Target.ts"

const end = `  yield* finish(target, moment.state, refoldBackup(moment.state, { anchor, tapes, time }))
`
const tapes = "  const tapes = moment.tapes.map(({ end, listed }): [string, number] => [listed.tape, end])\n"
const copying = "  const kept = yield* copyTapes(moment, {\n"

export const backups: ReadonlyArray<Mutant> = [
  {
    name: "backup-marked-first",
    breaks: "Lib meta of a backup names the new moment before the tapes are copied.",
    edits: [
      { file: backup, find: `${tapes}${end}`, replace: "" },
      { file: backup, find: copying, replace: `${tapes}${end}${copying}` }
    ],
    histories: [
      ["append", "backup"],
      ["append", "backup", "append", "backup"]
    ]
  },
  {
    name: "backup-leftovers-first",
    breaks: "I4: a backup removes files that its earlier lib meta needs before the new one is durable.",
    edits: [
      {
        file: backup,
        find: copying,
        replace: `  yield* removeLeftovers(target, new Map(moment.tapes.map(({ listed, tape }) => [listed.name, tape.state.segments])))\n${copying}`
      }
    ],
    histories: [
      ["append", "backup", "append", "backup"],
      ["append", "backup", "flush", "backup"]
    ]
  },
  {
    name: "backup-unfinished-looks-whole",
    breaks: "A first backup that was interrupted looks like a whole backup of an empty lib.",
    edits: [
      {
        file: "domain/meta/BackupMetas.ts",
        find: "upto: Math.max(1, state.anchor.batch) }",
        replace: "upto: 0 }"
      }
    ],
    histories: [["append", "backup"]]
  },
  {
    name: "backup-tail-overwritten",
    breaks: "I3: a segment that a backup makes gets the name of the one that the backup before it made.",
    edits: [
      {
        file: backup,
        find: "let number = Math.max(backupNumberMin + anchor.batch, (before?.number ?? 0) + 1)",
        replace: "let number = backupNumberMin"
      },
      { file: backup, find: "      while (used.has(number)) number++\n", replace: "" }
    ],
    histories: [
      ["append", "backup", "append", "backup"],
      ["appendAll", "backup", "appendAll", "backup"]
    ]
  },
  {
    name: "backup-folder-not-listed",
    breaks: "I2: a backup that is continued takes the folder of a tape for durable although nothing lists it.",
    edits: [
      {
        file: target,
        find: "  for (const { name } of missing) yield* target.root.tapes.create(name, new Uint8Array(0))\n",
        replace: `  for (const { name } of missing) {
    if ((yield* target.root.meta.read(name)) === undefined) yield* target.root.tapes.create(name, new Uint8Array(0))
  }
`
      }
    ],
    histories: [
      ["append", "backup", "backup"],
      ["append", "backup", "append", "backup"]
    ],
    errorsOf: ["syncFolder"]
  },
  {
    name: "restored-lib-first",
    breaks: "A restore writes the lib meta of the restored lib before its tapes.",
    edits: [
      {
        file: "services/maintenance/backup/Restore.ts",
        find: `  yield* finish(target, state, refoldRestored(state, { anchor, from, lineage, time }))
`,
        replace: ""
      },
      {
        file: "services/maintenance/backup/Restore.ts",
        find: "  const kept = yield* copyTapes(\n",
        replace: `  const lineage = uuid(now)
  const from = lineageAt(state, anchor.position)
  yield* finish(target, state, refoldRestored(state, { anchor, from, lineage, time }))
  const kept = yield* copyTapes(
`
      },
      {
        file: "services/maintenance/backup/Restore.ts",
        find: `  const from = lineageAt(state, anchor.position)
  const lineage = uuid(now)
`,
        replace: ""
      }
    ],
    histories: [["append", "backup", "restore"]]
  }
]
