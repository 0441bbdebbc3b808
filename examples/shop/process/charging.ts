/**
 * Who talks to the bank? This consumer. A call of another service may happen twice, if the program is killed before the
 * answer is stored. So it carries a key by which the bank recognises it: the id of the event that asks for it.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Category from "litetapes/Category"
import * as Consumer from "litetapes/Consumer"
import * as Decider from "litetapes/Decider"
import { Payment, type PaymentCommand, payments } from "../domain/payments.ts"
import { inTraceOf } from "../tracing.ts"
import { Bank, CallRefused } from "./Bank.ts"

export const charging = Consumer.make({
  name: "charging",
  filter: Payment.filter({ types: ["PaymentRequested", "RefundRequested"] }),
  // Orders wait for the bank at the same time; the calls for one order are made one after the other.
  partitions: 8,
  // Continues for as long as the bank cannot be reached. What it refuses each time stops the consumer, and so the shop.
  retry: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("30 seconds")]).pipe(
    Schedule.while(({ input }) => !(input instanceof CallRefused))
  ),
  maxAttempts: Number.MAX_SAFE_INTEGER,
  handler: (event, { checkpoint }) =>
    Effect.gen(function* () {
      const bank = yield* Bank
      const { data, id, type } = yield* Payment.decode(event)
      const order = Category.idOf(event)
      if (type === "PaymentRequested") {
        const answer = yield* bank.charge({ key: id, order, cents: data.cents }).pipe(
          Effect.map(({ reference }): PaymentCommand => ({ type: "take", reference })),
          Effect.catchTag("Declined", ({ why }) => Effect.succeed<PaymentCommand>({ type: "decline", why }))
        )
        yield* Decider.handle(payments, order, answer, { checkpoint })
      }
      if (type === "RefundRequested") {
        yield* bank.refund({ key: id, reference: data.reference })
        yield* Decider.handle(payments, order, { type: "refunded", reference: data.reference }, { checkpoint })
      }
    }).pipe(
      Effect.tapErrorTag("CallRefused", ({ message }) => Effect.logError(message)),
      Effect.withSpan("charging"),
      (handled) => inTraceOf(event, handled)
    )
})
