/** The calls of the bank by HTTP: where they go, and which answers are asked for again. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as SqliteClient from "litetapes/SqliteClient"
import { background } from "../application.ts"
import { Bank } from "../process/Bank.ts"
import { untilOneStops } from "../running.ts"

/** A bank at this URL that answers each call with this status. */
const answering = (status: number, url: string, calls: Array<string> = []) => {
  const client = HttpClient.make((request, to) =>
    Effect.sync(() => {
      calls.push(to.href)
      return HttpClientResponse.fromWeb(request, Response.json({ reference: "bank-17", why: "too much" }, { status }))
    })
  )
  return Layer.provide(Bank.layerHttp(new URL(url)), Layer.succeed(HttpClient.HttpClient, client))
}

const charge = Effect.flatMap(Bank, (bank) => bank.charge({ key: "a", order: "17", cents: 1 }))

describe("the bank by HTTP", () => {
  it.effect("is called below its own path", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      for (const url of ["https://bank.test", "https://bank.test/v1", "https://bank.test/v1/?tenant=shop"]) {
        yield* Effect.provide(charge, answering(200, url, calls))
      }
      assert.deepStrictEqual(calls, [
        "https://bank.test/charges",
        "https://bank.test/v1/charges",
        "https://bank.test/v1/charges?tenant=shop"
      ])
    })
  )

  it.effect("may be unavailable, may decline, or may refuse the call", () =>
    Effect.gen(function* () {
      const tagOf = (status: number) =>
        Effect.map(Effect.flip(Effect.provide(charge, answering(status, "https://bank.test"))), ({ _tag }) => _tag)
      for (const status of [408, 429, 500, 503]) assert.strictEqual(yield* tagOf(status), "BankUnavailable")
      for (const status of [400, 401, 403, 404]) assert.strictEqual(yield* tagOf(status), "CallRefused")
      assert.strictEqual(yield* tagOf(402), "Declined")
    })
  )

  it.effect("stops the shop once it refuses a call", () => {
    const shop = background.pipe(
      Layer.provideMerge(EventStore.layer("shop")),
      Layer.provide([SqliteClient.layerMemory, answering(401, "https://bank.test"), MemoryStorage.layer]),
      Layer.provide(Logger.layer([]))
    )
    return Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      const program = yield* Effect.forkChild(Effect.exit(untilOneStops))
      yield* store.append("payment-17", [{ type: "PaymentRequested", data: { cents: 800 } }])
      // Bounded: an event that is handled again and again would never end it.
      for (let n = 0; n < 100 && program.pollUnsafe() === undefined; n++) yield* TestClock.adjust("1 second")
      assert.isDefined(program.pollUnsafe())
      const exit = yield* Fiber.join(program)
      assert.isTrue(Exit.isFailure(exit))
      assert.match(String(exit), /HandlerFailed/)
    }).pipe(Effect.provide(shop))
  })
})
