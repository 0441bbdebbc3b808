/** The server that the tests of PostgreSQL use. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as PgClient from "@effect/sql-pg/PgClient"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { leftOut } from "../../servers/find.ts"
import { type PostgresServer, startPostgres } from "../../servers/postgres.ts"

describe.skipIf(leftOut)("a PostgreSQL server for tests", () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
  }, 300_000)
  afterAll(() => server?.stop())

  it("answers queries", async () => {
    const program = Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      return yield* sql<{ n: number }>`SELECT 40 + 2 AS n`
    })
    const layer = PgClient.layer({ url: Redacted.make(server.url) })
    assert.deepStrictEqual(await Effect.runPromise(Effect.provide(program, layer)), [{ n: 42 }])
  })

  it("stops when the process that started it is killed", async () => {
    const program = join(import.meta.dirname, "../../servers/startAndWait.ts")
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] })
    const [line] = (await once(child.stdout, "data")) as [Buffer]
    const { pid, url } = JSON.parse(line.toString()) as { pid: number; url: string }
    child.kill("SIGKILL")
    await once(child, "exit")
    for (let waited = 0; isRunning(pid); waited += 50) {
      assert.isBelow(waited, 30_000)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException]
    assert.strictEqual(error.code, "ECONNREFUSED")
  })
})

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
