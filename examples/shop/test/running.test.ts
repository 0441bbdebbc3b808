/** What runs all the time must not stop unnoticed. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as SqliteClient from "litetapes/SqliteClient"
import { background } from "../application.ts"
import { Bank } from "../process/Bank.ts"
import { untilOneStops } from "../running.ts"

const shop = background.pipe(
  Layer.provideMerge(EventStore.layer("shop")),
  Layer.provide([SqliteClient.layerMemory, Bank.layerPretend, MemoryStorage.layer]),
  Layer.provide(Logger.layer([]))
)

it.effect("the program ends once an event cannot be handled", () =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const program = yield* Effect.forkChild(Effect.exit(untilOneStops))
    yield* store.append("order-17", [{ type: "OrderPlaced", data: { customer: "Ada" } }])
    // The handlers try again and again, after pauses.
    while (program.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    const exit = yield* Fiber.join(program)
    assert.isTrue(Exit.isFailure(exit))
    assert.match(String(exit), /HandlerFailed/)
  }).pipe(Effect.provide(shop))
)
