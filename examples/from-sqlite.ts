/**
 * Moving from a table of events in SQLite: copies the rows in their order, with stream, id, data, metadata and time, and
 * compares all of them afterwards. If it is killed, run it again: it continues where it was.
 */
import type { NewEvent, StreamAppend } from "litetapes/EventStore"
import * as PromiseStore from "litetapes/PromiseStore"
import * as TaraSON from "litetapes/TaraSON"
import * as assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite" // Node 24 has it without a warning
import { makeEventTable } from "./internal/eventTable.ts"

/** A row of the old store. The query gives the columns these names, so only the query knows the table. */
interface Row {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly type: string
  readonly data: string
  readonly metadata: string
  readonly created: string
}

const query =
  "SELECT global_position AS position, stream_id AS stream, version, event_id AS id, type, data, metadata, created " +
  "FROM events WHERE global_position > ? ORDER BY global_position LIMIT ?"

/** The version of a stream's first event in the old store. Revisions begin with 0. */
const firstVersion = 1
const batchRows = 1000

/** Parses JSON strictly: it refuses an integer that a number cannot hold, and an object with the same key twice. */
const parse = (text: string) => TaraSON.parse(TaraSON.toBytes(`{"value":${text}}`))["value"]!

const toEvent = ({ id, type, data, metadata, created, position }: Row): NewEvent => ({
  id,
  type,
  data: parse(data),
  // The store sets the time of an event when it is appended. The old time and position stay readable here.
  metadata: { ...(parse(metadata) as object), recordedAt: created, oldPosition: position }
})

/** Groups neighbours of one stream. `expected` makes the store check that no version is missing or comes twice. */
const toAppends = (rows: ReadonlyArray<Row>): ReadonlyArray<StreamAppend> => {
  const appends: Array<{ stream: string; events: Array<NewEvent>; expected: number | "no-stream" }> = []
  for (const row of rows) {
    const last = appends.at(-1)
    if (last?.stream === row.stream) {
      last.events.push(toEvent(row))
    } else {
      const expected = row.version === firstVersion ? "no-stream" : row.version - firstVersion - 1
      appends.push({ stream: row.stream, events: [toEvent(row)], expected })
    }
  }
  return appends
}

/** Returns the old position of the last event that was copied. */
const lastCopied = async (store: PromiseStore.PromiseStore): Promise<number> => {
  for await (const { metadata } of store.readAll({ direction: "backward", limit: 1 })) {
    return Number(metadata["oldPosition"])
  }
  return 0
}

const copyRows = async (database: string, to: string, batches: number): Promise<number> => {
  using from = new DatabaseSync(database, { readOnly: true })
  const page = from.prepare(query)
  await using store = await PromiseStore.open(to)
  let copied = 0
  for (let batch = 0, after = await lastCopied(store); ; batch++) {
    const rows = page.all(after, batchRows) as unknown as ReadonlyArray<Row>
    if (rows.length === 0) return copied
    if (batch === batches) process.kill(process.pid, "SIGKILL") // only to show that it continues
    await store.appendAll(toAppends(rows))
    copied += rows.length
    after = rows.at(-1)!.position
  }
}

/** Compares every row with its event. Returns how many there are. */
const compare = async (database: string, to: string): Promise<number> => {
  using from = new DatabaseSync(database, { readOnly: true })
  await using store = await PromiseStore.open(to, { mode: "read" })
  const rows = from.prepare(query).iterate(0, -1) as unknown as Iterator<Row>
  let count = 0
  for await (const { id, type, data, metadata, stream, revision } of store.readAll()) {
    const row = rows.next().value as Row
    assert.deepEqual(
      { ...toEvent(row), stream: row.stream, revision: row.version - firstVersion },
      { id, type, data, metadata, stream, revision }
    )
    count++
  }
  assert.equal(rows.next().done, true)
  return count
}

const main = async (database: string, to: string): Promise<void> => {
  makeEventTable(database, 5500)
  const killed = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, database, to, "3"])
  assert.equal(killed.signal, "SIGKILL", killed.stderr.toString())
  console.log(`Killed, and continued with the ${await copyRows(database, to, Infinity)} rows that were left.`)
  console.log(`All ${await compare(database, to)} rows are events now, in the same order.`)
  assert.equal(await copyRows(database, to, Infinity), 0)
  console.log("Run again: nothing was copied.")
}

const [database, to, batches] = process.argv.slice(2)
if (database !== undefined && to !== undefined) {
  console.log(await copyRows(database, to, Number(batches)))
} else {
  const scratch = mkdtempSync(join(tmpdir(), "litetapes-from-sqlite-"))
  try {
    await main(join(scratch, "old.db"), join(scratch, "lib"))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
