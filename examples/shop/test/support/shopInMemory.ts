/** The whole application over a store and a database in memory, without a port. */
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as SqliteClient from "litetapes/SqliteClient"
import type * as Storage from "litetapes/Storage"
import { application } from "../../application.ts"
import type { Bank } from "../../process/Bank.ts"

/** Starts the shop at the first request, until `dispose`. `spans` are those of its traces. */
export const shopInMemory = (bank: Layer.Layer<Bank>, storage: Layer.Layer<Storage.Storage> = MemoryStorage.layer) => {
  const spans: Array<Tracer.Span> = []
  const span: Tracer.Tracer["span"] = (options) => {
    const made = new Tracer.NativeSpan(options)
    spans.push(made)
    return made
  }
  const { dispose, handler } = HttpRouter.toWebHandler(
    application.pipe(
      Layer.provideMerge(Layer.mergeAll(EventStore.layer("/shop", { reopen: true }), SqliteClient.layerMemory)),
      Layer.provide(bank),
      Layer.provide(storage),
      Layer.provide(HttpServer.layerServices),
      // The store warns when its disk fails.
      Layer.provide(Logger.layer([])),
      Layer.provideMerge(Layer.succeed(Tracer.Tracer, Tracer.make({ span })))
    ),
    { disableLogger: true }
  )

  const ask = async <A = { readonly type: string }>(path: string, init?: RequestInit) => {
    const response = await handler(new Request(`http://shop${path}`, init))
    const text = await response.text()
    return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as A }
  }

  const post = <A = { readonly type: string }>(path: string, key: string | undefined, body?: object) =>
    ask<A>(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })

  return { ask, dispose, post, spans }
}
