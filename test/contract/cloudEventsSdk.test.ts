/** The SDK of CloudEvents accepts what is exported, and what it makes is imported. */
import { assert, describe, it } from "@effect/vitest"
import { CloudEvent, HTTP } from "cloudevents"
import * as Effect from "effect/Effect"
import { eventsOf, exported, imported, newStore } from "../support/interchange.ts"

describe("the SDK of CloudEvents", () => {
  it.effect("accepts every exported line, as strictly as it can", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* store.append("order-1", [
        {
          type: "OrderPlaced",
          data: { cents: 3998, items: [{ name: "é" }] },
          id: "placed",
          tags: ["web", "course:17"]
        },
        { type: "OrderPaid", data: null, metadata: { correlationId: "c-1", causationId: "placed", user: { id: 7 } } }
      ])
      yield* store.append("bücher/ä %?#-1", [
        { type: "Named", data: "text" },
        { type: "Counted", data: 7 }
      ])
      const lines = yield* exported(store, { format: "cloudevents" })
      const events = yield* eventsOf(store)
      assert.lengthOf(lines, 4)
      for (const [n, line] of lines.entries()) {
        const event = events[n]!
        const made = new CloudEvent<unknown>(JSON.parse(line) as Record<string, unknown>)
        assert.isTrue(made.validate())
        assert.deepStrictEqual(
          [made.id, made.type, made.subject, made.time, made["partitionkey"], made["sequence"]],
          [event.id, event.type, event.stream, event.time, event.stream, String(event.revision).padStart(16, "0")]
        )
        const received = HTTP.toEvent<unknown>({
          headers: { "content-type": "application/cloudevents+json" },
          body: line
        }) as CloudEvent<unknown>
        assert.isTrue(received.validate())
        assert.deepStrictEqual(received.data ?? null, event.data)
        assert.strictEqual(received["litetapesposition"], String(n))
      }
      const [placed, paid] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      assert.deepStrictEqual(
        [placed!["source"], placed!["litetapestags"], placed!["litetapesmetadata"]],
        [`litetapes:${store.lib.id}/order-1`, '["web","course:17"]', undefined]
      )
      assert.deepStrictEqual([paid!["correlationid"], paid!["causationid"]], ["c-1", "placed"])

      // What the SDK prints is the same event.
      const printed = lines.map((line) => new CloudEvent(JSON.parse(line) as Record<string, unknown>).toString())
      const copy = yield* newStore
      yield* imported(copy, printed, { format: "cloudevents", revisions: "check" })
      assert.deepStrictEqual(yield* eventsOf(copy), events)
    }).pipe(Effect.scoped)
  )

  it.effect("makes events that are imported, with extensions and bytes", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const source = "https://shop.example/orders"
      const made = [
        new CloudEvent<unknown>({
          id: "1",
          source,
          type: "placed",
          subject: "order-1",
          data: { cents: 1 },
          traceparent: "00-1"
        }),
        new CloudEvent<unknown>({
          id: "2",
          source,
          type: "scanned",
          subject: "order-1",
          data: new Uint8Array([0, 1, 2])
        })
      ]
      const report = yield* imported(
        store,
        made.map((event) => HTTP.structured(event).body as string),
        { format: "cloudevents" }
      )
      assert.strictEqual(report.appended, 2)
      const events = yield* eventsOf(store)
      assert.deepStrictEqual(
        events.map(({ data, id, stream, time, type }) => ({ data, id, stream, time, type })),
        [
          { data: { cents: 1 }, id: "1", stream: "order-1", time: made[0]!.time!, type: "placed" },
          { data: { data_base64: "AAEC" }, id: "2", stream: "order-1", time: made[1]!.time!, type: "scanned" }
        ]
      )
      assert.deepInclude(events[0]!.metadata["cloudevents"], { source, traceparent: "00-1" })
    }).pipe(Effect.scoped)
  )
})
