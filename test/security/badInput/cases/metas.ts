/** Metas with impossible contents, with matching hashes and chains. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { changing, type Fields, libMetaOf, rewriteMeta, tapeMetaOf } from "../../../support/hostileLib.ts"
import { sealed } from "../../../support/systemRecords.ts"
import { closedLib, opening, usingTape } from "../steps.ts"
import type { Case, Cases, Ground } from "../table.ts"

type Change = (records: Array<Fields>) => Array<Fields>

/** Changes the meta of the tape, then opens the tape. */
const ofTape =
  (change: Change): Case["give"] =>
  (ground) =>
    Effect.flatMap(closedLib(ground), (at) => {
      rewriteMeta(tapeMetaOf(at, "notes"), change)
      return usingTape(ground, at)
    })

/** Changes the meta of the lib, then opens the lib. */
const ofLib =
  (change: Change): Case["give"] =>
  (ground) =>
    Effect.flatMap(closedLib(ground), (at) => {
      rewriteMeta(libMetaOf(at), change)
      return opening(ground, at)
    })

/** Changes the `index`-th segment that meta lists. */
const segment = (index: number, change: (record: Fields) => Fields): Change =>
  changing("LiteTape.Segment", (record, at) => (at === index ? change(record) : record))

const again =
  (type: string): Change =>
  (records) =>
    records.flatMap((record) => (record["$type"] === type ? [record, record] : [record]))

/** Gives a line of a meta two successors. */
const forked =
  (meta: (at: string) => string, look: (ground: Ground, at: string) => Effect.Effect<unknown, unknown>) =>
  (ground: Ground) =>
    Effect.flatMap(closedLib(ground), (at) => {
      const lines = fs.readFileSync(meta(at), "utf8").trimEnd().split("\n")
      const second = JSON.parse(lines[1]!) as Fields
      const fork = sealed({ ...second, ...(second["$type"] === "LiteTape.Segment" ? { lastBatch: 7 } : { upto: 7 }) })
      fs.writeFileSync(meta(at), [...lines.slice(0, 2), fork, ...lines.slice(2), ""].join("\n"))
      return look(ground, at)
    })

const names: ReadonlyArray<readonly [name: string, text: string]> = [
  ["of another number", "seg-000002.jsonl"],
  ["that leads out of the folder", "../seg-000001.jsonl"],
  ["that is absolute", "/etc/passwd"],
  ["with a backslash", "..\\seg-000001.jsonl"],
  ["with a NUL", "seg-000001.jsonl\0"],
  ["of another compression", "seg-000001.jsonl.gz"],
  ["in a shard of a tape without shards", "shard-0001/seg-000001.jsonl"]
]

const segmentName: ReadonlyArray<Case> = names.map(([name, text]) => ({
  name: `a name ${name}`,
  error: "InvalidSegmentName",
  says: /".*" is not a segment name: the name of this segment is seg-000001\.jsonl, by notes\/tape\.meta\.jsonl line 2/,
  give: ofTape(segment(0, (record) => ({ ...record, name: text })))
}))

const metaStructure: ReadonlyArray<Case> = [
  {
    name: "a gap in the ordinals",
    error: "MetaInvalid",
    says: /notes\/tape\.meta\.jsonl line 3.*segment 2 begins at record 3, not at 2/,
    give: ofTape(segment(1, (record) => ({ ...record, firstOrdinal: 3 })))
  },
  {
    name: "an overlap",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 3.*segment 2 begins at record 1, not at 2/,
    give: ofTape(segment(1, (record) => ({ ...record, firstOrdinal: 1 })))
  },
  {
    name: "a segment that is listed twice",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 3.*segment 1 is listed twice or out of order/,
    give: ofTape(again("LiteTape.Segment"))
  },
  {
    name: "a segment that is missing from the chain",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 2.*segment 2 begins at record 2, not at 0/,
    give: ofTape((records) => records.filter((record) => record["number"] !== 1))
  },
  {
    name: "a Merkle state of another size",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 2.*size of its Merkle state is wrong/,
    give: ofTape(segment(0, (record) => ({ ...record, merkle: { peaks: [], size: 0 } })))
  },
  {
    name: "a Merkle state whose peaks do not match its size",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 2.*one peak for each bit/,
    give: ofTape(segment(0, (record) => ({ ...record, merkle: { peaks: [], size: 2 } })))
  },
  {
    name: "more records than the bytes can hold",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 2.*more records than its bytes can hold/,
    give: ofTape((records) =>
      records
        .slice(0, 2)
        .map((record) =>
          record["$type"] === "LiteTape.Segment"
            ? { ...record, records: 1024, merkle: { peaks: ["0".repeat(64)], size: 1024 } }
            : record
        )
    )
  },
  {
    name: "a segment that is larger than any segment can be",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 2.*larger than any segment/,
    give: ofTape(segment(0, (record) => ({ ...record, bytes: 2 ** 40, rawBytes: 2 ** 40 })))
  },
  {
    name: "a line that is missing from the chain",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line 2.*does not follow the line before it/,
    give: (ground) =>
      Effect.flatMap(closedLib(ground), (at) => {
        const lines = fs.readFileSync(libMetaOf(at), "utf8").split("\n")
        fs.writeFileSync(libMetaOf(at), lines.toSpliced(1, 1).join("\n"))
        return opening(ground, at)
      })
  },
  {
    name: "a field of the wrong kind",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line 2/,
    give: ofTape(segment(0, (record) => ({ ...record, number: "1" })))
  },
  {
    name: "an unknown field",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line 1/,
    give: ofLib(changing("LiteLib.Meta", (record) => ({ ...record, more: 1 })))
  },
  {
    name: "an epoch that uses up all numbers",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line \d.*used up all numbers/,
    give: ofLib(changing("LiteLib.Epoch", (record) => ({ ...record, epoch: 2 ** 50 })))
  }
]

const foreign = "00000000-0000-7000-8000-00000000000f"

const shared = { kind: "category-or-shared" }

const older: ReadonlyArray<Case> = [
  {
    name: "a placement of format 2 in a lib of format 1",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line 1.*format 1, but something in it needs a later one/,
    give: ofLib(changing("LiteLib.Meta", (record) => ({ ...record, format: 1, placement: shared })))
  },
  {
    name: "a line that says that the lib is unfinished, in a lib of format 1",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line 1.*format 1, but something in it needs a later one/,
    give: ofLib((records) =>
      [...records, { $type: "LiteLib.Unfinished", from: foreign }].map((record) =>
        record["$type"] === "LiteLib.Meta" ? { ...record, format: 1, placement: { kind: "category" } } : record
      )
    )
  }
]

const checkpoint = { $type: "LiteLib.Checkpoint", above: [], consumer: "mail", low: 0, version: 1 }

/** Adds the checkpoint of a consumer to lib meta. */
const withCheckpoint = (more: Fields): Case["give"] => ofLib((records) => [...records, { ...checkpoint, ...more }])

const checkpoints: ReadonlyArray<Case> = [
  {
    name: "a checkpoint whose ranges are not in order",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line \d.*the ranges of a checkpoint are not in order/,
    give: withCheckpoint({ above: [[3, 3]] })
  },
  {
    name: "a checkpoint of a consumer with an impossible name",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line \d/,
    give: withCheckpoint({ consumer: "../mail" })
  },
  {
    name: "a checkpoint beyond all positions",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line \d.*beyond all positions/,
    give: withCheckpoint({ low: 2 ** 51 })
  },
  {
    name: "a checkpoint in a lib of format 1",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line 1.*format 1, but something in it needs a later one/,
    give: ofLib((records) =>
      [...records, checkpoint].map((record) =>
        record["$type"] === "LiteLib.Meta" ? { ...record, format: 1, placement: { kind: "category" } } : record
      )
    )
  }
]

const identity: ReadonlyArray<Case> = [
  {
    name: "the id of another tape",
    error: "IdentityMismatch",
    says: /notes\/tape\.meta\.jsonl.*belongs to 0{8}-0000-7000-8000-00000000000f, not to /,
    give: ofTape(changing("LiteTape.Meta", (record) => ({ ...record, tape: foreign })))
  },
  {
    name: "the id of another lib",
    error: "IdentityMismatch",
    says: /notes\/tape\.meta\.jsonl.*belongs to 0{8}-0000-7000-8000-00000000000f, not to /,
    give: ofTape(changing("LiteTape.Meta", (record) => ({ ...record, lib: foreign })))
  },
  {
    name: "an epoch that is not greater than the one before",
    error: "EpochRegression",
    says: /litelib\.meta\.jsonl line \d.*epoch 1 comes after epoch 1/,
    give: ofLib(again("LiteLib.Epoch"))
  },
  {
    name: "a dynamic segment that is listed twice",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line \d.*dynamic segment 1 was listed before/,
    give: ofLib((records) =>
      records.flatMap((record) => (record["$type"] === "LiteLib.Epoch" ? [record, { ...record, epoch: 2 }] : [record]))
    )
  },
  {
    name: "a tape that is listed twice, under two ids",
    error: "MetaInvalid",
    says: /litelib\.meta\.jsonl line \d.*tape notes is listed twice/,
    give: ofLib((records) =>
      records.flatMap((record) =>
        record["$type"] === "LiteLib.Tape" ? [record, { ...record, tape: foreign }] : [record]
      )
    )
  }
]

const fork: ReadonlyArray<Case> = [
  {
    name: "in lib meta",
    error: "ForkDetected",
    says: /litelib\.meta\.jsonl line 3.*already has a successor: two writers/,
    give: forked(libMetaOf, opening)
  },
  {
    name: "in tape meta",
    error: "ForkDetected",
    says: /notes\/tape\.meta\.jsonl line 3.*already has a successor/,
    give: forked((at) => tapeMetaOf(at, "notes"), usingTape)
  }
]

const unknown: ReadonlyArray<Case> = [
  {
    name: "a format version of a lib",
    error: "UnsupportedFormat",
    says: /litelib\.meta\.jsonl.*format version 3 is not known to this version of litetapes\. Upgrade litetapes/,
    give: ofLib(changing("LiteLib.Meta", (record) => ({ ...record, format: 3, and: "fields of then" })))
  },
  {
    name: "a format version of a tape",
    error: "UnsupportedFormat",
    says: /notes\/tape\.meta\.jsonl.*format version 3/,
    give: ofTape(changing("LiteTape.Meta", (record) => ({ ...record, format: 3 })))
  },
  {
    name: "a codec",
    error: "UnsupportedFormat",
    says: /notes\/tape\.meta\.jsonl.*compression "lz4"/,
    give: ofTape(segment(0, (record) => ({ ...record, compression: "lz4", name: "seg-000001.jsonl.lz4" })))
  },
  {
    name: "a record type of tapes",
    error: "UnsupportedFormat",
    says: /notes\/tape\.meta\.jsonl.*record type "LiteTape\.Erased"/,
    give: ofTape((records) => [...records, { $type: "LiteTape.Erased" }])
  },
  {
    name: "a record type of libs",
    error: "UnsupportedFormat",
    says: /litelib\.meta\.jsonl.*record type "LiteLib\.Mirror"/,
    give: ofLib((records) => [...records, { $type: "LiteLib.Mirror" }])
  },
  {
    name: "a placement",
    error: "UnsupportedFormat",
    says: /litelib\.meta\.jsonl.*placement "by-weekday"/,
    give: ofLib(changing("LiteLib.Meta", (record) => ({ ...record, placement: { kind: "by-weekday" } })))
  }
]

/** Adds losses to a meta of version 2. */
const losing =
  (losses: ReadonlyArray<Fields>, format = 2): Change =>
  ([first, ...records]) => [
    { ...first, format },
    ...records,
    ...losses.map((loss) => ({
      $type: "LiteTape.Lost",
      ordinal: 1,
      positions: null,
      records: 2,
      segment: "seg-000001.jsonl",
      streams: null,
      time: "2026-01-02T03:04:05.678Z",
      ...loss
    }))
  ]

const lost: ReadonlyArray<Case> = [
  {
    name: "lost records in a meta of version 1",
    error: "MetaInvalid",
    says: /line 1.*it has format 1, but something in it needs a later one/,
    give: ofTape(losing([{}], 1))
  },
  {
    name: "lost records after the end of the tape",
    error: "MetaInvalid",
    says: /records are lost after the end of the tape/,
    give: ofTape(losing([{ ordinal: 1_000_000 }]))
  },
  {
    name: "lost records out of order",
    error: "MetaInvalid",
    says: /lost records are out of order/,
    give: ofTape(losing([{}, { ordinal: 0 }]))
  },
  {
    name: "lost positions on a tape of records",
    error: "MetaInvalid",
    says: /positions or streams are lost on a tape of records/,
    give: ofTape(losing([{ positions: [0, 9] }]))
  },
  {
    name: "lost streams by hash where it is not known which are lost",
    error: "MetaInvalid",
    says: /it is not known which streams are lost, but some are listed/,
    give: ofTape(losing([{ unnamed: [["0123456789abcd", 0, 1]] }]))
  },
  {
    name: "a hash of a lost stream that is not one",
    error: "MetaInvalid",
    says: /tape\.meta\.jsonl line \d+/,
    give: ofTape(losing([{ streams: [], unnamed: [["../../etc/passwd", 0, 1]] }]))
  }
]

export const metas: Cases = {
  segmentName,
  metaStructure: [...metaStructure, ...older, ...checkpoints],
  identity,
  fork,
  lost,
  unknown
}
