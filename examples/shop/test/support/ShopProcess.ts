/** The shop as a process of its own, which can be killed. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export class ShopProcess {
  readonly #child: ChildProcess
  readonly #url: string

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.#url = url
  }

  /** Starts the shop over a folder, and returns once it listens. */
  static async start(folder: string, bank: string): Promise<ShopProcess> {
    const main = join(import.meta.dirname, "../../main.ts")
    const child = spawn(process.execPath, ["--conditions=litetapes-source", main], {
      env: {
        ...process.env,
        SHOP_FOLDER: folder,
        SHOP_PORT: "0",
        SHOP_BANK: bank,
        NODE_COMPILE_CACHE: join(folder, "compile-cache")
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
    // It must not outlive a test that fails.
    const end = () => child.kill("SIGKILL")
    process.once("exit", end)
    child.once("exit", () => process.off("exit", end))
    let log = ""
    const url = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        log += chunk.toString()
        const listening = /http:\/\/127\.0\.0\.1:\d+/.exec(log)
        if (listening !== null) resolve(listening[0])
      }
      child.stdout.on("data", read)
      child.stderr.on("data", read)
      child.once("error", reject)
      child.once("exit", (code) => reject(new Error(`the shop ended with ${code}: ${log}`)))
    })
    return new ShopProcess(child, url)
  }

  /** Ends it at once, as `kill -9` does. */
  async kill(): Promise<void> {
    const ended = once(this.#child, "exit")
    this.#child.kill("SIGKILL")
    await ended
  }

  /** Asks it to end, and returns its exit code. */
  async stop(): Promise<unknown> {
    const ended = once(this.#child, "exit")
    this.#child.kill("SIGTERM")
    const [code] = await ended
    return code
  }

  post(path: string, key: string, body?: object): Promise<Answer> {
    const headers = { "idempotency-key": key, "content-type": "application/json" }
    return this.#fetch(path, { method: "POST", headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  }

  get(path: string): Promise<Answer> {
    return this.#fetch(path)
  }

  async #fetch(path: string, init?: RequestInit): Promise<Answer> {
    const response = await fetch(this.#url + path, init)
    return { status: response.status, body: await response.json() }
  }
}
