/**
 * Servers that tests need: found on the PATH or where Debian puts them, else installed if this is root on Debian, else a
 * sentence that says how to do without.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"

const noServers = "LITETAPES_NO_SERVERS"

/** Whether the tests that need a server are left out. */
export const leftOut = process.env[noServers] === "1"

if (leftOut) console.warn(`${noServers}=1: the tests that need a real server are left out`)

/** Folders of `$PATH`, and then those where Debian puts the versions of PostgreSQL, the newest first. */
const folders = (): ReadonlyArray<string> => {
  const debian = "/usr/lib/postgresql"
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : []
  return [
    ...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""),
    ...versions.map((version) => join(debian, version, "bin"))
  ]
}

const find = (program: string): string | undefined =>
  folders()
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file))

const isDebian = (): boolean =>
  existsSync("/etc/os-release") && /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync("/etc/os-release", "utf8"))

const install = (debianPackage: string): string | undefined => {
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  const apt = (...args: ReadonlyArray<string>) =>
    spawnSync("apt-get", args, { env: environment, encoding: "utf8", timeout: 240_000 })
  apt("update", "-q")
  const { status, stderr } = apt("install", "-y", "-q", "--no-install-recommends", debianPackage)
  return status === 0 ? undefined : `apt-get install ${debianPackage} failed: ${stderr.trim().split("\n").at(-1) ?? ""}`
}

/** Returns the path of a program of a package of Debian. Installs the package if it must and may. */
export const findServer = (program: string, debianPackage: string): string => {
  const found = find(program)
  if (found !== undefined) return found
  const mayInstall = process.getuid?.() === 0 && isDebian()
  const why = mayInstall ? install(debianPackage) : "only root on Debian can install it here"
  const installed = find(program)
  if (installed !== undefined) return installed
  throw new Error(
    `${program} is not on the PATH: ${why ?? "its package does not have it"}. ` +
      `Install ${debianPackage}, or set ${noServers}=1 to leave these tests out.`
  )
}
