/** Histories that every storage has to pass: the same ones each time, each with something of everything. */
import type { JsonObject } from "../../../domain/json/TaraSON.ts"
import type { Query } from "../../../services/EventStore.ts"
import type { Operation } from "../history/operation.ts"

/** Records that fill a dynamic segment after a few of them. */
const padded = (count: number, from = 0): ReadonlyArray<JsonObject> =>
  Array.from({ length: count }, (_, i) => ({
    $type: "Padded",
    n: from + i,
    text: "é\u2028".repeat(37 * ((from + i) % 9))
  }))

const repeated: ReadonlyArray<JsonObject> = Array.from({ length: 40 }, (_, i) => ({
  n: i % 3,
  text: "again".repeat(20)
}))

const append = (tape: string, count: number, from = 0): Operation => ({
  op: "append",
  tape,
  records: padded(count, from)
})

/** Dynamic segments fill, are closed and dropped, and are taken over by the next writer. */
export const closingHistory: ReadonlyArray<Operation> = [
  append("alpha", 1),
  {
    op: "commit",
    appends: [
      { tape: "alpha", records: padded(2, 1) },
      { tape: "beta", records: padded(3) }
    ]
  },
  { op: "reader" },
  { op: "reopen" },
  append("beta", 20, 3),
  {
    op: "commit",
    appends: [
      { tape: "gamma", records: [] },
      { tape: "beta", records: [{}] }
    ]
  },
  append("alpha", 30, 3),
  { op: "kill" },
  { op: "kill" },
  { op: "reader" },
  append("alpha", 1, 33),
  { op: "kill" },
  append("alpha", 12, 34),
  { op: "flush", tape: "alpha" },
  append("alpha", 5, 46),
  { op: "kill" },
  { op: "flush", tape: "beta" },
  { op: "reader" },
  ...Array.from({ length: 30 }, (_, i) => append(["alpha", "beta", "delta"][i % 3]!, 3, 60 + i)),
  { op: "verify", tape: "alpha" },
  { op: "kill" },
  { op: "verify", tape: "beta" },
  { op: "reader" }
]

/** Segments are rewritten, linked under other numbers, compressed, sharded, copied and removed. */
export const movingHistory: ReadonlyArray<Operation> = [
  ...[0, 7, 14].flatMap((from): ReadonlyArray<Operation> => [append("alpha", 7, from), { op: "flush", tape: "alpha" }]),
  { op: "userMeta", tape: "alpha", key: "note", value: { text: "\u2028", list: [1, null] } },
  { op: "repack", tape: "alpha", options: { targetBytes: 700, shardEvery: 2 } },
  { op: "verify", tape: "alpha" },
  { op: "clone", tape: "alpha", to: "copy" },
  { op: "clone", tape: "alpha", to: "copy" },
  append("alpha", 9, 21),
  { op: "reopen" },
  { op: "repack", tape: "alpha", options: { compression: "zstd", shardEvery: 1 } },
  { op: "reader" },
  { op: "archive", tape: "copy" },
  append("copy", 1),
  { op: "append", tape: "beta", records: repeated },
  { op: "repack", tape: "beta", options: { dedup: true, compression: "gzip" } },
  { op: "verify", tape: "beta" },
  { op: "kill" },
  { op: "repack", tape: "beta", options: { targetBytes: 300 } },
  { op: "clone", tape: "beta", to: "other" },
  { op: "userMeta", tape: "alpha", key: "note", value: undefined },
  { op: "userMeta", tape: "alpha", key: "more", value: [] },
  { op: "reader" },
  { op: "reopen" },
  { op: "activate", tape: "copy" },
  append("copy", 3, 90),
  { op: "verify", tape: "copy" },
  { op: "verify", tape: "other" },
  { op: "verify", tape: "alpha" }
]

const events = (stream: string, count: number, expected: "any" | "current" | "stale" = "any"): Operation => ({
  op: "events",
  stream,
  expected,
  events: Array.from({ length: count }, (_, i) => ({
    type: i % 2 === 0 ? "Opened" : 'Clo"sed',
    data: { i, filler: "☃".repeat(90 * (i % 5)) },
    tags: i % 3 === 0 ? ["a", "☃"] : []
  }))
})

/** Streams on several tapes, with indexes, which every next writer finds again. */
export const eventHistory: ReadonlyArray<Operation> = [
  events("order-1", 1, "current"),
  events("order-2", 3, "current"),
  events("acc-1", 2),
  events("order-1", 1, "stale"),
  { op: "again", pick: 0 },
  { op: "reader" },
  { op: "reopen" },
  events("order-1", 4, "current"),
  { op: "again", pick: 1 },
  events("Ünï-☃", 12),
  { op: "kill" },
  events("order-2", 9, "current"),
  { op: "again", pick: 2 },
  events("order-2", 1, "stale"),
  append("notes", 4),
  ...Array.from({ length: 24 }, (_, i) => events(["order-1", "acc-1", "acc-2"][i % 3]!, 1 + (i % 4), "current")),
  { op: "reader" },
  { op: "kill" },
  { op: "again", pick: 9 },
  events("acc-2", 2, "current"),
  { op: "reopen" },
  { op: "again", pick: 5 },
  { op: "reader" }
]

const decide = (stream: string, count: number, query: Query, since = 0): Operation => ({
  op: "decide",
  stream,
  events: Array.from({ length: count }, (_, i) => ({
    type: i % 2 === 0 ? "Taken" : "Noted",
    data: { i, filler: "☃".repeat(60 * (i % 4)) },
    tags: i % 2 === 0 ? ["place:1", `seat:${i % 5}`] : [`seat:${i % 3}`]
  })),
  query,
  since
})

const place: Query = [{ types: ["Taken"], tags: ["place:1"] }]
const seat: Query = [{ tags: ["seat:2"] }, { types: ["Never"] }]

/** Decisions on events of several streams, before and after they are in segments, and of writers before. */
export const decisionHistory: ReadonlyArray<Operation> = [
  decide("order-1", 3, "all"),
  decide("acc-1", 2, place),
  decide("acc-1", 2, place, 1),
  decide("order-2", 1, seat),
  { op: "reader" },
  { op: "reopen" },
  decide("order-1", 2, place, 1),
  decide("order-1", 4, seat, 2),
  ...Array.from({ length: 30 }, (_, i) =>
    decide(["order-1", "acc-1", "acc-2"][i % 3]!, 1 + (i % 5), i % 2 === 0 ? place : seat, i % 4)
  ),
  { op: "kill" },
  decide("acc-2", 2, seat),
  decide("acc-2", 1, seat, 3),
  { op: "kill" },
  decide("order-2", 1, "all", 1),
  decide("order-2", 1, place, 7),
  { op: "reader" },
  decide("order-2", 0, place),
  { op: "reopen" },
  decide("order-1", 1, seat, 1)
]

const large = (stream: string, n: number): Operation => ({
  op: "events",
  stream,
  expected: "any",
  events: [{ type: "Opened", data: { n, filler: "x".repeat(9000 + n) } }]
})

/** One tape on which the events of a stream are so far apart that each one is read by itself. */
export const sparseHistory: ReadonlyArray<Operation> = [
  ...Array.from({ length: 9 }, (_, n) => [events("order-rare", 1, "current"), large("order-large", n)]).flat(),
  { op: "reader" },
  { op: "kill" },
  events("order-rare", 1, "current"),
  { op: "reader" },
  { op: "reopen" },
  { op: "reader" }
]
