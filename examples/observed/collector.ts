/** Stands for a collector of spans: it keeps the names of what is sent to it. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

interface Traces {
  readonly resourceSpans: ReadonlyArray<{
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<{ readonly name: string }> }>
  }>
}

export interface Collector {
  readonly url: string
  /** Returns the names of the spans of litetapes that were sent so far. */
  readonly names: () => ReadonlyArray<string>
  readonly close: () => void
}

export const startCollector = async (): Promise<Collector> => {
  const names = new Set<string>()
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      if (request.url === "/v1/traces") {
        const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as Traces
        for (const { name } of resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))) {
          if (name.startsWith("litetapes.")) names.add(name)
        }
      }
      response.setHeader("content-type", "application/json").end("{}")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    names: () => [...names].toSorted(),
    close: () => server.close()
  }
}
