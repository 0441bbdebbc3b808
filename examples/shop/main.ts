/**
 * How does the shop start and stop? It serves until SIGTERM or SIGINT: then it takes no more requests, ends those that run, lets
 * consumers and read models finish what they do, and closes the store. If one of these stops, it ends in the same way, with code 1.
 *
 * ```
 * node --conditions=litetapes-source examples/shop/main.ts
 * ```
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpRouter from "effect/http/HttpRouter"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as SqliteClient from "litetapes/SqliteClient"
import { mkdirSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { application } from "./application.ts"
import { settings } from "./config.ts"
import { Bank } from "./process/Bank.ts"
import { untilOneStops } from "./running.ts"
import { layerTracing } from "./tracing.ts"

const server = Effect.gen(function* () {
  const { bank, folder, host, port } = yield* settings
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const store = EventStore.layer(join(folder, "events"), { reopen: true }).pipe(Layer.provide(NodeStorage.layer))
  // A power loss may take its last transactions: the events are handled again.
  const database = SqliteClient.layer(join(folder, "read-models.db"), { synchronous: "normal" })
  const banking = Option.match(bank, {
    onNone: () => Bank.layerPretend,
    onSome: (url) => Layer.provide(Bank.layerHttp(url), FetchHttpClient.layer)
  })
  return HttpRouter.serve(application).pipe(
    Layer.provide(NodeHttpServer.layer(createServer, { host, port, gracefulShutdownTimeout: "10 seconds" })),
    Layer.provide([store, database, banking])
  )
}).pipe(Layer.unwrap)

untilOneStops.pipe(
  Effect.provide(server),
  Effect.provide(layerTracing),
  Effect.provide(Logger.layer([Logger.consoleJson])),
  NodeRuntime.runMain({
    // A service ends when it is stopped, so that is not a failure.
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
  })
)
