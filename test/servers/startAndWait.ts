/** Starts PostgreSQL, prints where it is, and waits to be killed. */
import { startPostgres } from "./postgres.ts"

const { pid, url } = await startPostgres()
process.stdout.write(`${JSON.stringify({ pid, url })}\n`)
setInterval(() => {}, 1000)
