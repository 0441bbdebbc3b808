/** A bank for trying the shop: it does what has the same key once, counts, and can be asked to do something in the middle of it. */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"

/** A charge or a refund. */
interface Body {
  readonly order: string
  readonly cents: number
  readonly reference: string
}

export class FakeBank {
  /** The amounts that were taken, by order. Each is there once, however often the shop has asked. */
  readonly taken = new Map<string, Array<number>>()
  /** References of the charges that were refunded. */
  readonly refunded: Array<string> = []
  /** Requests so far, repeated ones included. */
  requests = 0
  /** Called after the money was taken, and before the shop gets the answer. */
  beforeAnswer: () => void = () => {}
  readonly #answers = new Map<string, { readonly status: number; readonly body: object }>()
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      let text = ""
      request.on("data", (chunk: Buffer) => (text += chunk.toString()))
      request.on("end", () => {
        const key = String(request.headers["idempotency-key"])
        const { body, status } = this.#once(key, request.url!, JSON.parse(text) as Body)
        this.requests++
        this.beforeAnswer()
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
      })
    })
  }

  static async open(): Promise<FakeBank> {
    const bank = new FakeBank()
    await new Promise<void>((resolve) => bank.#server.listen(0, "127.0.0.1", resolve))
    return bank
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #once(key: string, path: string, body: Body) {
    const answer = this.#answers.get(key) ?? (path === "/charges" ? this.#charge(body) : this.#refund(body))
    this.#answers.set(key, answer)
    return answer
  }

  #charge({ cents, order }: Body) {
    if (cents > 100_000) return { status: 402, body: { why: "too much" } }
    this.taken.set(order, [...(this.taken.get(order) ?? []), cents])
    return { status: 200, body: { reference: `bank-${order}` } }
  }

  #refund({ reference }: Body) {
    this.refunded.push(reference)
    return { status: 200, body: {} }
  }
}
