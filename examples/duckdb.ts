/**
 * SQL over the files as they are: DuckDB reads the segments of a lib, compressed ones too, while an application appends.
 * Needs `npm i @duckdb/node-api`.
 */
import { DuckDBInstance } from "@duckdb/node-api"
import * as PromiseStore from "litetapes/PromiseStore"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The fields of an event. With types given, DuckDB need not guess them from a sample, and a new field breaks no query. */
const columns = `{
  position: 'UBIGINT', stream: 'VARCHAR', revision: 'UBIGINT', "$type": 'VARCHAR', id: 'UUID', time: 'TIMESTAMPTZ',
  data: 'JSON', metadata: 'JSON', tags: 'VARCHAR[]'
}`

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Returns the files of all closed segments of events. The list comes from the meta of the tapes, not from a pattern such
 * as `*.jsonl`: a folder may hold files that are no part of a tape, for example during a repack.
 */
const segmentFiles = async (location: string): Promise<ReadonlyArray<string>> => {
  await using store = await PromiseStore.open(location, { mode: "read" })
  const files: Array<string> = []
  for (const { name, role } of await store.tapes()) {
    if (role !== "events") continue
    for (const segment of await (await store.tape(name)).segments()) files.push(join(location, name, segment.name))
  }
  return files
}

const view = (files: ReadonlyArray<string>): string =>
  `CREATE OR REPLACE TEMP VIEW events AS SELECT * FROM read_json([${files.map(literal).join(", ")}],
     format = 'newline_delimited', columns = ${columns})`

const folder = mkdtempSync(join(tmpdir(), "litetapes-duckdb-"))
try {
  const location = join(folder, "shop")
  await using store = await PromiseStore.open(location)
  const cities = ["Lyon", "Turin", "Ghent"]
  for (let n = 0; n < 3000; n++) {
    const order = {
      type: "OrderPlaced",
      data: { city: cities[n % 3]!, cents: 100 + n },
      tags: [`city:${cities[n % 3]!}`]
    }
    const events = n % 10 === 0 ? [order, { type: "OrderCancelled", data: { why: "changed my mind" } }] : [order]
    void store.append(`order-${n}`, events)
  }
  await store.append("invoice-1", [{ type: "InvoiceSent", data: { cents: 1 } }])
  const orders = await store.tape("order")
  await orders.appendSegment() // else events are closed into a segment by size, by age, or when the store is closed
  await orders.repack({ compression: "zstd" })
  // These are not in a segment yet.
  await store.append("order-3000", [{ type: "OrderPlaced", data: { city: "Lyon", cents: 5 } }])

  const files = await segmentFiles(location)
  console.log(files.map((file) => file.slice(location.length + 1)).join("\n"))
  const duckdb = await (await DuckDBInstance.create()).connect()
  await duckdb.run(view(files))
  const sql = `
    SELECT data->>'city' AS city, count(*)::INTEGER AS orders, sum((data->>'cents')::INTEGER)::INTEGER AS cents
    FROM events o
    WHERE "$type" = 'OrderPlaced'
      AND NOT EXISTS (FROM events c WHERE c.stream = o.stream AND c."$type" = 'OrderCancelled')
    GROUP BY ALL ORDER BY city`
  const rows = (await duckdb.runAndReadAll(sql)).getRowObjectsJS()
  console.table(rows)

  // The same sums by reading the store, without the event that is not in a segment yet.
  const cancelled = new Set<string>()
  const open = new Map<string, { city: string; cents: number }>()
  for await (const { data, stream, type } of store.readAll()) {
    if (type === "OrderPlaced" && stream !== "order-3000") open.set(stream, data as { city: string; cents: number })
    if (type === "OrderCancelled") cancelled.add(stream)
  }
  const sums = new Map(cities.toSorted().map((city) => [city, { city, orders: 0, cents: 0 }]))
  for (const [stream, { cents, city }] of open) {
    if (cancelled.has(stream)) continue
    const sum = sums.get(city)!
    sum.orders += 1
    sum.cents += cents
  }
  assert.deepEqual(rows, [...sums.values()])

  const [seen] = (await duckdb.runAndReadAll("SELECT count(*)::INTEGER AS events FROM events")).getRowObjectsJS()
  const all = await store.position()
  console.log(`DuckDB sees ${String(seen!["events"])} of ${all} events: the rest is not in a segment yet`)
} finally {
  rmSync(folder, { recursive: true })
}
