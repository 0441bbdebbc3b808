import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"

const Order = Category.make("order", {
  OrderPlaced: Schema.Struct({ customer: Schema.String, cents: Schema.Int }),
  OrderPaid: Schema.Struct({ cents: Schema.Int })
})
const program = Effect.gen(function* () {
  const id = crypto.randomUUID()
  yield* Order.append(id, [{ type: "OrderPlaced", data: { customer: "Ada", cents: 3998 } }], { expected: "no-stream" })
  yield* Order.append(id, [{ type: "OrderPaid", data: { cents: 3998 } }], { expected: 0 })
  yield* Stream.runForEach(Order.readAll(), (event) => Effect.log(event.stream, event.type, event.data))
})

program.pipe(Effect.provide(EventStore.layer("./orders")), Effect.provide(NodeStorage.layer), NodeRuntime.runMain)
