/** Runs a program under strace, which kills it at a given system call, and reads the trace. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import { startChild } from "../../support/children.ts"

/** A system call that changes something: the `nth` call of that name in its thread since the program started. */
export interface Call {
  readonly name: string
  readonly nth: number
}

/** The outcome of a run. */
export interface Traced {
  /** Lines that it printed. */
  readonly said: ReadonlyArray<string>
  /** The calls after `begin` that change something. If it was killed, the last of them was not done. */
  readonly calls: ReadonlyArray<Call>
  readonly killed: boolean
  readonly complaints: string
}

const script = new URL("program.ts", import.meta.url)

/** Installs strace if needed. Throws if it cannot be used here, and says what to do. */
export const requireStrace = (): void => {
  try {
    execFileSync("sh", [fileURLToPath(new URL("install.sh", import.meta.url))], { stdio: ["ignore", "ignore", "pipe"] })
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: Buffer; readonly message: string }
    throw new Error(`strace is needed and cannot be installed: ${stderr?.toString().trim() || message}`, {
      cause: error
    })
  }
  try {
    execFileSync("strace", ["-f", "-o", "/dev/null", "true"], { stdio: ["ignore", "ignore", "pipe"] })
  } catch (error) {
    const said = (error as { readonly stderr?: Buffer }).stderr?.toString().trim()
    throw new Error(`strace cannot trace here (in a container it needs the capability SYS_PTRACE): ${said}`, {
      cause: error
    })
  }
}

/** Without `write`: a thread uses it to wake up another one, a varying number of times. */
const traced =
  "pwrite64,writev,pwritev,pwritev2,fdatasync,fsync,sync_file_range,fallocate,ftruncate,openat,rename,renameat,renameat2," +
  "unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,fcntl,chmod,fchmod,fchmodat"

/** Returns whether a call changes something or prints an acknowledgement. */
const changes = (name: string, rest: string): boolean => {
  if (name === "openat") return rest.includes("O_CREAT")
  if (name === "fcntl") return rest.includes("F_SETLK") || rest.includes("F_OFD_SETLK")
  return true
}

/** Runs the program under strace. With `at` it is killed as it enters that call. */
export const trace = async (scratch: string, args: ReadonlyArray<string>, at?: Call): Promise<Traced> => {
  const output = `${scratch}/trace`
  const inject = at === undefined ? [] : ["-e", `inject=${at.name}:signal=SIGKILL:when=${at.nth}`]
  const said: Array<string> = []
  const child = startChild({
    script,
    args,
    scratch,
    under: ["strace", "-f", "-qq", "-s", "8", "-e", `trace=${traced}`, ...inject, "-o", output],
    // One thread for all work of libuv, and no io_uring, which bypasses system calls: so that runs are alike.
    env: { UV_THREADPOOL_SIZE: "1", UV_USE_IO_URING: "0" },
    onLine: (line) => said.push(line)
  })
  const { code } = await child.ended
  return { said, killed: code !== 0, complaints: child.complaints(), calls: readCalls(fs.readFileSync(output, "utf8")) }
}

const readCalls = (text: string): Array<Call> => {
  const counts = new Map<string, number>()
  const calls: Array<Call> = []
  let begun = false
  for (const line of text.split("\n")) {
    // 4711 pwrite64(24, "{\"$type\""..., 340, 0) = 340
    const [, thread, name, rest] = /^(\d+) +([a-z_0-9]+)\((.*)$/.exec(line) ?? []
    if (thread === undefined || name === undefined || rest === undefined) continue
    const nth = (counts.get(`${thread} ${name}`) ?? 0) + 1
    counts.set(`${thread} ${name}`, nth)
    if (begun && changes(name, rest)) calls.push({ name, nth })
    begun ||= name === "writev" && rest.startsWith('3, [{iov_base="begin"')
  }
  return calls
}
