/** Backups that were changed by somebody who can compute all hashes, and places that are not what a call needs. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import { changing, type Fields, libMetaOf, rewriteMeta } from "../../../support/hostileLib.ts"
import { withLib } from "../../../support/openLib.ts"
import { closedLib, opening } from "../steps.ts"
import type { Case, Cases, Ground } from "../table.ts"

/** Makes a backup of a lib with the tape `notes`, which has four records. */
const backedUp = Effect.fnUntraced(function* (ground: Ground) {
  const [at, target] = [yield* closedLib(ground), ground.place()]
  yield* withLib(ground.storage, at, (lib) => lib.backup(target), { mode: "read" })
  return { at, target }
})

type Change = (records: Array<Fields>) => Array<Fields>

const changed =
  (change: Change, look: (ground: Ground, target: string) => Effect.Effect<unknown, unknown>): Case["give"] =>
  (ground) =>
    Effect.flatMap(backedUp(ground), ({ target }) => {
      rewriteMeta(libMetaOf(target), change)
      return look(ground, target)
    })

const restoring = ({ place, storage }: Ground, target: string) =>
  Effect.provideService(Lib.restore(target, place()), Storage, storage)

const mark = (change: (record: Fields) => Fields): Change => changing("LiteLib.Backup", change)

/** Changes the number of records that the mark has for the only tape. */
const counting = (records: number): Change =>
  mark((record) => ({ ...record, tapes: (record["tapes"] as Array<[string, number]>).map(([id]) => [id, records]) }))

const lineage = (batch: number, position: number): Fields => ({
  $type: "LiteLib.Lineage",
  anchor: { batch, hash: "0".repeat(64), position },
  from: "00000000-0000-7000-8000-00000000000f",
  lineage: "00000000-0000-7000-8000-00000000000e",
  time: "2026-01-02T03:04:05.678Z"
})

const backup: ReadonlyArray<Case> = [
  {
    name: "a mark that names another tape",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line \d.*does not name each tape of the lib once/,
    give: changed(
      mark((record) => ({ ...record, tapes: [["00000000-0000-7000-8000-00000000000f", 4]] })),
      opening
    )
  },
  {
    name: "a mark that names a tape twice",
    error: "MetaInvalid",
    says: /does not name each tape of the lib once/,
    give: changed(
      mark((record) => ({ ...record, tapes: [0, 1].map(() => (record["tapes"] as Array<unknown>)[0]) })),
      opening
    )
  },
  {
    name: "a mark of another position than lib meta",
    error: "MetaInvalid",
    says: /the backup is of another batch than lib meta/,
    give: changed(
      mark((record) => ({ ...record, anchor: { ...(record["anchor"] as object), position: 7 } })),
      restoring
    )
  },
  {
    name: "a lineage that comes from nowhere",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line 2.*does not branch from the one before it/,
    give: changed(([first, ...rest]) => [first!, lineage(0, 0), ...rest], opening)
  },
  {
    name: "a mark with fewer records than a tape has",
    error: "BackupUnfinished",
    says: /was interrupted, or is running\. Run the backup again, or restore the state before it/,
    give: changed(counting(3), opening)
  },
  {
    name: "a mark with more records than a tape has",
    error: "BackupUnfinished",
    says: /was interrupted, or is running\. Run it again/,
    give: changed(counting(5), opening)
  },
  {
    name: "a restore of a mark with more records than a tape has",
    error: "TapeInvalid",
    says: /tape "notes" is invalid/,
    give: changed(counting(5), restoring)
  },
  {
    name: "a writer that opens a backup",
    error: "LibIsBackup",
    says: /is a backup, made .*Open it with mode "read", or make a lib of it in another place with Lib\.restore/,
    give: (ground) =>
      Effect.flatMap(backedUp(ground), ({ target }) => withLib(ground.storage, target, () => Effect.void))
  },
  {
    name: "a backup over another lib",
    error: "NotABackup",
    says: /it is a lib that can be written to\. A backup needs an empty place, or an earlier backup of the same lib/,
    give: (ground) =>
      Effect.flatMap(Effect.all([closedLib(ground), closedLib(ground)]), ([at, other]) =>
        withLib(ground.storage, at, (lib) => lib.backup(other))
      )
  },
  {
    name: "a backup over that of another lib",
    error: "OtherHistory",
    says: /does not belong to the history of this lib: it is of lib .*, not of .*Use another place/,
    give: (ground) =>
      Effect.flatMap(Effect.all([closedLib(ground), backedUp(ground)]), ([at, { target }]) =>
        withLib(ground.storage, at, (lib) => lib.backup(target))
      )
  },
  {
    name: "a backup into a folder of somebody else",
    error: "LibInvalid",
    says: /it is neither empty nor a lib, but has "letter\.txt"; choose another folder/,
    give: (ground) =>
      Effect.flatMap(closedLib(ground), (at) => {
        const target = ground.place()
        fs.mkdirSync(target)
        fs.writeFileSync(`${target}/letter.txt`, "Dear Ada")
        return withLib(ground.storage, at, (lib) => lib.backup(target))
      })
  }
]

export const backups: Cases = { backup }
