/** A projection in a process of its own, which is killed again and again while events are appended. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { InvalidArgument } from "litetapes/Errors"
import * as NodeStorage from "litetapes/NodeStorage"
import * as SqliteClient from "litetapes/SqliteClient"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe } from "vitest"
import { leftOut } from "../servers/find.ts"
import { startPostgres } from "../servers/postgres.ts"
import { openSession, storeOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newFolder = temporaryFolder()
const script = fileURLToPath(new URL("../support/programs/project.ts", import.meta.url))

/** Runs the projection until it ends, or is killed in its call for this many events. Returns the number of calls. */
const project = async (args: ReadonlyArray<string>, killAfter: number): Promise<number> => {
  const child = spawn(process.execPath, ["--conditions=litetapes-source", script, ...args], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const gone = once(child, "exit")
  let calls = 0
  for await (const line of createInterface({ input: child.stdout })) {
    assert.match(line, /^\d+$/)
    if (++calls === killAfter) child.kill("SIGKILL")
  }
  const [code, signal] = (await gone) as [number | null, string | null]
  assert.deepStrictEqual([code, signal], calls >= killAfter ? [null, "SIGKILL"] : [0, null])
  return calls
}

/** Kills the projection in the middle of transactions, and then lets it end. Checks what is in its tables. */
const check = (
  database: string,
  kills: ReadonlyArray<number>,
  open: Effect.Effect<SqlClient.SqlClient, SqlError | InvalidArgument, Scope.Scope>
) =>
  Effect.gen(function* () {
    const place = newFolder()
    const { close, lib } = yield* openSession(yield* NodeStorage.make, place)
    const store = yield* storeOf(lib)
    let calls = 0
    const expected = new Map<string, number>()
    for (const killAfter of [...kills, Number.POSITIVE_INFINITY]) {
      for (let n = 0; n < 30; n++) {
        const [account, cents] = [`account-${n % 4}`, n + 1]
        yield* store.append(account, [{ type: "Deposited", data: { cents } }])
        expected.set(account, (expected.get(account) ?? 0) + cents)
      }
      // One that is to be killed does not end by itself.
      const last = Number.isFinite(killAfter) ? 1_000_000 : (yield* store.position) - 1
      calls += yield* Effect.promise(() => project([place, database, String(last)], killAfter))
    }
    yield* close
    const sql = yield* open
    assert.deepStrictEqual(
      new Map((yield* sql`SELECT account, cents FROM balance_v1`.values) as Array<[string, number]>),
      expected
    )
    const [row] = yield* sql`SELECT count(*), max(position) FROM seen_v1`.values
    const events = 30 * (kills.length + 1)
    assert.deepStrictEqual(row!.map(Number), [events, events - 1])
    // Some calls were in transactions that did not end.
    assert.isAbove(calls, events)
    const [version] = yield* sql`SELECT name, version, is_current FROM litetapes_projections`.values
    assert.deepStrictEqual(version!.map(String), ["balances", "1", "1"])
  }).pipe(Effect.scoped)

describe("a projection that is killed has counted every event exactly once", () => {
  it.live("in SQLite", () => {
    const database = `${newFolder()}.db`
    return check(database, [3, 8, 13], Effect.provide(SqliteClient.make(database, { mode: "read" }), Reactivity.layer))
  })

  it.live.skipIf(leftOut)("in PostgreSQL", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(Effect.promise(startPostgres), ({ stop }) => Effect.promise(stop))
      yield* check(server.url, [8], Effect.provide(PgClient.make({ url: Redacted.make(server.url) }), Reactivity.layer))
    }).pipe(Effect.scoped)
  )
})
