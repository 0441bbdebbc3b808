/** A PostgreSQL server for tests, with an empty database, on loopback. It stops when this process ends, however it ends. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chownSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { findServer } from "./find.ts"

export interface PostgresServer {
  readonly url: string
  /** The process that runs the server, and ends it when its input ends. */
  readonly pid: number
  readonly stop: () => Promise<void>
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package has made. */
const owner = (): { uid: number; gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout)
  return { uid: id("-u"), gid: id("-g") }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

/** Ends with the server, or ends the server and deletes its files when the input ends: when the tests did, even by SIGKILL. */
const guard = `
"$1/postgres" -D "$2" -p "$3" -h 127.0.0.1 -k "$2" -c fsync=off -c full_page_writes=off >"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"
`

const isReady = (bin: string, port: number): boolean =>
  spawnSync(join(bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)]).status === 0

/** Starts a server. Takes about two seconds. */
export const startPostgres = async (): Promise<PostgresServer> => {
  // It may be a link: the other programs are in the folder that it points to.
  const bin = dirname(realpathSync(findServer("initdb", "postgresql")))
  const folder = mkdtempSync(join(tmpdir(), "litetapes-postgres-"))
  const user = owner()
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const args = ["-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
  const made = spawnSync(join(bin, "initdb"), args, { ...user, encoding: "utf8", cwd: folder })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const port = await freePort()
  const child = spawn("sh", ["-c", guard, "sh", bin, folder, String(port)], {
    ...user,
    cwd: "/",
    // Of a group of its own: what ends the tests from a terminal must not end the guard before it has tidied up.
    detached: true,
    stdio: ["pipe", "ignore", "inherit"]
  })
  const ended = once(child, "exit")
  child.unref()
  ;(child.stdin as Socket).unref()
  const stop = async () => {
    child.stdin.end()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  for (const started = Date.now(); !isReady(bin, port);) {
    if (child.exitCode !== null || Date.now() - started > 60_000) {
      await stop()
      throw new Error("PostgreSQL does not start: see its log above, or set LITETAPES_NO_SERVERS=1")
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, pid: child.pid!, stop }
}
